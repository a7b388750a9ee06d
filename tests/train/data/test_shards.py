"""Shards give the same tracks, crops and batches as the folder that they were made from."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from genrestream.errors import UsageError
from genrestream.features.config import LogMelConfig
from tests.conftest import ROOT, encode, music
from train.augment.config import AugmentConfig
from train.data.cache import AudioCache
from train.data.load import load, read_all
from train.data.sealed import DamagedError
from train.data.shards import N_SAMPLES, Shards, write
from train.data.splits import SIDES
from train.data.tracks import DataConfig
from train.input import batching, examples

RATE = 8_000
FRONTEND = LogMelConfig(sample_rate=RATE, n_fft=256, hop_length=128, n_mels=16, n_samples=RATE, n_frames=62)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Music in two genres; tracks are longer and shorter than a record, one is there twice, one is no audio."""
    folder = tmp_path_factory.mktemp("music")
    for genre in ("chords", "noise"):
        for number in range(4):
            waveform = music(2 + 5 * number, RATE, seed=number)
            if genre == "noise":
                waveform = np.random.default_rng(number).normal(scale=0.1, size=waveform.shape).astype(np.float32)
            (folder / genre / f"album {number}").mkdir(parents=True)
            encode(folder / genre / f"album {number}" / "song.flac", waveform, RATE, "flac")
    for name in ("song.mp3", "song.flac"):
        (folder / "noise" / "album 9").mkdir(exist_ok=True)
        encode(
            folder / "noise" / "album 9" / name, music(3, RATE, seed=9), RATE, "libmp3lame" if "mp3" in name else "flac"
        )
    (folder / "noise" / "broken.mp3").write_bytes(b"\0" * 1000)
    return folder


def shard(folder, output, cache, *more, code=0):
    command = [sys.executable, "-m", "train.shard", folder, output, "--sample-rate", RATE, "--cache", cache, *more]
    run = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == code, run.stdout + run.stderr
    return run


@pytest.fixture(scope="module")
def shards(folder, tmp_path_factory):
    output = tmp_path_factory.mktemp("shards") / "music"
    run = shard(folder, output, output.parent / "cache", "--shard-mb", 0.2)
    assert "10 tracks in 5 shards" in run.stdout
    assert "left out:" in run.stderr
    return output


@pytest.fixture
def loaded(folder, shards, tmp_path):
    options = {"n_folds": 4, "cache": tmp_path / "cache"}
    return [load(DataConfig(one, **options), RATE) for one in (folder, shards)]


def test_the_split_is_the_same_and_nothing_is_decoded(loaded, tmp_path, shards, capsys):
    (plain, _), (sharded, _) = loaded
    for side in SIDES:
        of = [
            [(one.name, one.genre, one.artist, one.seconds) for one in getattr(split, side)]
            for split in (plain, sharded)
        ]
        assert of[0] == of[1]
    load(DataConfig(shards, n_folds=4, cache=tmp_path / "other"), RATE)
    assert not list((tmp_path / "other").glob("*.s16"))
    assert "left out: " in capsys.readouterr().err


@pytest.mark.parametrize("n_workers", [0, 2])
def test_batches_are_the_same_for_the_same_seed(loaded, n_workers):
    taken = []
    for split, cache in loaded:
        crops = examples.crops(split.train, split.genres, cache, FRONTEND, AugmentConfig(), seed=3)
        iterator = iter(batching.batches(crops, 8, seed=3, n_workers=n_workers))
        taken.append([next(iterator) for _ in range(6)])
        iterator.close()
    for one, other in zip(*taken, strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


def test_any_piece_is_the_same(loaded):
    (split, plain), (other, sharded) = loaded
    for track, same in zip(split.train, other.train, strict=True):
        length = plain.n_samples(track)
        np.testing.assert_array_equal(plain.waveform(track), sharded.waveform(same))
        for start in (0, 1, N_SAMPLES - 1, N_SAMPLES, length - 3, length, length + 5):
            np.testing.assert_array_equal(plain.crop(track, start, 1000), sharded.crop(same, start, 1000))


def copied(shards, tmp_path):
    (tmp_path / "copy").mkdir()
    for file in shards.iterdir():
        (tmp_path / "copy" / file.name).write_bytes(file.read_bytes())
    return tmp_path / "copy"


DAMAGES = {
    "no shard": lambda one: (one / "audio-00001.array_record").unlink(),
    "another shard": lambda one: (one / "audio-00001.array_record").write_bytes(
        (one / "audio-00000.array_record").read_bytes()
    ),
    "a cut shard": lambda one: (one / "audio-00000.array_record").write_bytes(
        (one / "audio-00000.array_record").read_bytes()[:-9]
    ),
    "no audio": lambda one: (one / "audio-00000.array_record").write_bytes(b"junk"),
    "a damaged index": lambda one: (one / "shards.index").write_bytes((one / "shards.index").read_bytes()[:-1] + b"?"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damage_is_one_line_at_the_start(shards, tmp_path, damage):
    copy = copied(shards, tmp_path)
    damage(copy)
    with pytest.raises(UsageError, match=r"copy.*; copy the shards again, or write them again") as raised:
        Shards(RATE, tmp_path / "cache", copy)
    assert "\n" not in str(raised.value)


def test_a_flipped_bit_is_found_when_it_is_read(shards, tmp_path):
    copy = copied(shards, tmp_path)
    content = bytearray((copy / "audio-00000.array_record").read_bytes())
    content[1000] ^= 1
    (copy / "audio-00000.array_record").write_bytes(content)
    cache = Shards(RATE, tmp_path / "cache", copy)
    with pytest.raises(DamagedError, match=r"copy: .* cannot be read .*write them again"):
        cache.waveform(cache.dataset.tracks[0])


def test_what_shards_cannot_do(folder, shards, tmp_path):
    with pytest.raises(
        UsageError, match=r"has 8000 Hz, this network needs 16000 Hz; make shards with --sample-rate 16000"
    ):
        load(DataConfig(shards, cache=tmp_path), 16_000)
    with pytest.raises(UsageError, match="holds shards of one dataset"):
        load(DataConfig(shards, more=(folder,), cache=tmp_path), RATE)
    with pytest.raises(UsageError, match="only to train on; give the folder of the music"):
        read_all(folder, [shards])
    assert "holds files already" in shard(folder, shards, tmp_path, code=2).stderr
    assert (
        "--shard-mb 0.0: must be positive" in shard(folder, tmp_path / "new", tmp_path, "--shard-mb", 0, code=2).stderr
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the open files are read from /proc")
def test_no_shard_stays_open_where_a_track_cannot_be_read(folder, tmp_path):
    dataset, cache = read_all(folder), AudioCache(RATE, tmp_path / "cache")
    filled = cache.fill(dataset.tracks)
    cache.file(filled.tracks[-1].path).unlink()
    with pytest.raises(OSError, match="No such file") as raised:
        write(tmp_path / "out", dataset, filled, cache, shard_mb=100)
    assert raised.tb  # which keeps alive what was not closed
    (shard,) = (tmp_path / "out").iterdir()
    assert str(shard) not in map(os.path.realpath, Path("/proc/self/fd").iterdir())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no ulimit here")
def test_a_full_disk_is_one_line_and_leaves_no_index(folder, tmp_path):
    arguments = json.dumps(
        ["shard", str(folder), str(tmp_path / "out"), "--sample-rate", str(RATE), "--cache", str(tmp_path / "c")]
    )
    shard(folder, tmp_path / "first", tmp_path / "c")  # decodes
    code = (
        "import resource, runpy, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
        f"sys.argv = {arguments}; runpy.run_module('train.shard', run_name='__main__', alter_sys=True)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 1
    assert "cannot be written" in run.stderr.splitlines()[-1]
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "out" / "shards.index").exists()
