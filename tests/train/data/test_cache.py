import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from genrestream.errors import OutputError, UsageError
from tests.conftest import ROOT, encode, music
from train.data import cache as cache_module
from train.data.cache import AudioCache
from train.data.decode import waveform_blocks
from train.data.sealed import HEADER_BYTES, DamagedError
from train.data.tracks import Track


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return encode(tmp_path_factory.mktemp("made") / "song.mp3", music(5, 44_100, 2), 44_100, "libmp3lame")


@pytest.fixture
def song(made, tmp_path):
    return Track("song", Path(shutil.copy(made, tmp_path)), "rock")


@pytest.mark.parametrize("sample_rate", [12_000, 16_000, 44_100])
@pytest.mark.parametrize("gain", [0.002, 1.0, 2.0], ids=["quiet", "full", "above full scale"])
def test_what_is_cached_is_what_the_stream_hears(tmp_path, sample_rate, gain):
    path = encode(tmp_path / "song.wav", 2 * gain * music(2, 44_100, 2), 44_100, "pcm_f32le")
    track = Track("song", path, "rock")
    cache = AudioCache(sample_rate, tmp_path / "cache")
    (filled,) = cache.fill([track]).tracks
    heard = np.concatenate(list(waveform_blocks(path, sample_rate)))
    assert cache.waveform(track).dtype == np.int16
    assert filled.seconds == len(heard) / sample_rate
    step = np.abs(heard).max() / 32767
    np.testing.assert_allclose(cache.crop(track, 0, len(heard)), heard, atol=0.51 * step)
    np.testing.assert_allclose(cache.crop(track, 1000, 500), heard[1000:1500], atol=0.51 * step)


def test_it_is_decoded_once_and_kept(tmp_path, song):
    AudioCache(16_000, tmp_path / "cache").fill([song])
    (kept,) = (tmp_path / "cache").glob("*.s16")
    made = kept.stat().st_mtime_ns
    AudioCache(16_000, tmp_path / "cache").fill([song])
    assert kept.stat().st_mtime_ns == made
    AudioCache(12_000, tmp_path / "cache").fill([song])
    assert len(list((tmp_path / "cache").glob("*.s16"))) == 2


def test_the_content_counts_not_the_name_or_the_time(tmp_path, song):
    cache = AudioCache(16_000, tmp_path / "cache")
    cache.fill([song])
    moved = dataclasses.replace(song, path=song.path.rename(tmp_path / "moved.mp3"))
    os.utime(moved.path, (0, 0))
    assert AudioCache(16_000, tmp_path / "cache").file(moved.path) == cache.file(song.path)
    before = cache.crop(moved, 0, 100)
    encode(moved.path, music(6, 44_100, seed=1), 44_100, "libmp3lame")
    after = AudioCache(16_000, tmp_path / "cache")
    assert after.fill([moved]).tracks[0].seconds == pytest.approx(6, abs=0.1)
    assert not np.array_equal(after.crop(moved, 0, 100), before)


def test_a_new_version_of_the_code_decodes_anew(tmp_path, song, monkeypatch):
    old = AudioCache(16_000, tmp_path / "cache").file(song.path)
    monkeypatch.setattr(cache_module, "VERSION", cache_module.VERSION + 1)
    assert AudioCache(16_000, tmp_path / "cache").file(song.path) != old


def test_unreadable_tracks_are_named_and_the_others_kept(tmp_path, song):
    broken, gone, blip, silent = (
        Track(name, tmp_path / f"{name}.wav", "rock") for name in ("broken", "gone", "blip", "silent")
    )
    broken.path.write_bytes(b"\0" * 1000)
    encode(blip.path, music(0.5), 16_000, "pcm_s16le")
    encode(silent.path, np.zeros((1, 32_000), np.float32), 16_000, "pcm_s16le")
    filled = AudioCache(16_000, tmp_path / "cache").fill([broken, song, gone, blip, silent])
    assert [track.name for track in filled.tracks] == ["song", "silent"]
    assert list(filled.unreadable) == ["broken", "gone", "blip"]
    assert "gone.wav: no such file" in filled.unreadable["gone"]
    assert "0.50 s are too short" in filled.unreadable["blip"]
    assert not list((tmp_path / "cache").glob("*.part"))


def test_a_damaged_track_is_used_and_its_problem_remembered(tmp_path, song):
    whole = encode(tmp_path / "whole.wav", music(4), 16_000, "pcm_s16le").read_bytes()
    cut = Track("cut", tmp_path / "cut.wav", "rock")
    cut.path.write_bytes(whole[: len(whole) // 2])
    for _ in range(2):
        filled = AudioCache(16_000, tmp_path / "cache").fill([cut])
        assert filled.tracks[0].seconds == pytest.approx(2, abs=0.1)
        assert "cut.wav: cut short" in filled.problems["cut"]


def test_a_part_of_a_track(tmp_path, song):
    cache = AudioCache(16_000, tmp_path / "cache")
    part = dataclasses.replace(song, name="part", start_s=1.5, seconds=3.0)
    assert cache.fill([part]).tracks == [part]
    np.testing.assert_array_equal(cache.waveform(part), cache.waveform(song)[24_000:72_000])
    assert len(cache.crop(part, 47_900, 1000)) == 100


FILL = """
import sys; from pathlib import Path; from train.data.cache import AudioCache; from train.data.tracks import Track
if __name__ == "__main__":
    tracks = [Track(p.stem, p, "rock") for p in sorted(Path(sys.argv[1]).glob("*.flac"))]
    filled = AudioCache(16_000, Path(sys.argv[1]) / "cache").fill(tracks, int(sys.argv[2]))
    assert len(filled.tracks) == len(tracks), filled.unreadable
"""


@pytest.mark.parametrize("n_workers", [0, 2])
def test_two_processes_at_once(tmp_path, n_workers):
    paths = [encode(tmp_path / f"{n}.flac", music(2, seed=n), 16_000, "flac") for n in range(12)]
    (tmp_path / "fill.py").write_text(FILL)
    command = [sys.executable, str(tmp_path / "fill.py"), str(tmp_path), str(n_workers)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    processes = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) for _ in range(2)]
    for process in processes:
        assert process.communicate(timeout=60)[1] == b""
        assert process.returncode == 0
    cache = AudioCache(16_000, tmp_path / "cache")
    assert len(list(cache.folder.glob("*.s16"))) == 12
    for path in paths:
        heard = np.concatenate(list(waveform_blocks(path, 16_000)))
        np.testing.assert_allclose(cache.crop(Track("", path, ""), 0, len(heard)), heard, atol=2e-5)


def test_what_a_killed_process_left_is_removed(tmp_path, song):
    cache = AudioCache(16_000, tmp_path / "cache")
    for name, age_s in [("old.part", 7200), ("new.part", 0)]:
        (cache.folder / name).touch()
        made_s = time.time() - age_s
        os.utime(cache.folder / name, (made_s, made_s))
    cache.fill([song])
    assert [part.name for part in cache.folder.glob("*.part")] == ["new.part"]


def changed(place, value):
    """Return the function that puts a value at a place in the list of digests; entries are numbered."""

    def change(kept):
        inner = kept
        for part in place[:-1]:
            inner = inner[part] if part in inner else list(inner.values())[part]
        inner[place[-1]] = value
        return json.dumps(kept).encode()

    return change


@pytest.mark.parametrize(
    "damage",
    [
        lambda kept: b"",
        lambda kept: b"{",
        lambda kept: b"[]",
        lambda kept: b"\xff\xfe",
        lambda kept: b"[" * 100_000,
        lambda kept: b'{"files": []}',
        lambda kept: json.dumps(kept["files"]).encode(),
        changed(["files"], {"song": 1}),
        changed(["files", 0, 0], "5"),
        changed(["files", 0, 2], 7),
        changed(["files", 0, 2], "0" * 32),
        changed(["checksum"], 1),
    ],
)
def test_a_damaged_list_of_digests_is_made_again_with_one_warning(tmp_path, song, capsys, damage):
    cache = AudioCache(16_000, tmp_path / "cache")
    cache.fill([song])
    file = cache.folder / "digests.json"
    file.write_bytes(damage(json.loads(file.read_text())))
    again = AudioCache(16_000, tmp_path / "cache")
    assert len(again.fill([song]).tracks) == 1
    assert again.file(song.path) == cache.file(song.path)
    assert capsys.readouterr().err.count("\n") == 1
    AudioCache(16_000, tmp_path / "cache").fill([song])
    assert not capsys.readouterr().err


def test_digests_that_were_exchanged_give_no_track_the_audio_of_another(tmp_path, song):
    other = Track("other", encode(tmp_path / "other.flac", music(4, seed=7), 16_000, "flac"), "rock")
    cache = AudioCache(16_000, tmp_path / "cache")
    cache.fill([song, other])
    file = cache.folder / "digests.json"
    kept = json.loads(file.read_text())
    one, two = kept["files"].values()
    one[2], two[2] = two[2], one[2]
    file.write_text(json.dumps(kept))
    assert AudioCache(16_000, tmp_path / "cache").file(song.path) == cache.file(song.path)


def flipped(place):
    def damage(content):
        content[place] ^= 1
        return content

    return damage


DAMAGES = {
    "header": flipped(3),
    "header's end": flipped(HEADER_BYTES - 1),
    "first sample": flipped(HEADER_BYTES),
    "last sample": flipped(-1),
    "cut in the header": lambda content: content[:100],
    "cut in the samples": lambda content: content[:-2],
    "longer": lambda content: content + b"\0\0",
    "empty": lambda content: b"",
    "zeros": lambda content: bytes(len(content)),
    "other's JSON": lambda content: b'{"n_samples": "many"}'.ljust(len(content)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_decoded_again_with_one_warning(tmp_path, song, capsys, damage):
    whole = AudioCache(16_000, tmp_path / "cache")
    whole.fill([song])
    file = whole.file(song.path)
    content = file.read_bytes()
    np.asarray(whole.waveform(song))
    file.write_bytes(damage(bytearray(content)))
    again = AudioCache(16_000, tmp_path / "cache")
    with pytest.raises(DamagedError, match=str(file)):
        AudioCache(16_000, tmp_path / "cache").crop(song, 0, 10)
    again.fill([song])
    assert file.read_bytes() == content
    assert (
        again.crop(song, 0, 10**6).tobytes()
        == (np.frombuffer(content[HEADER_BYTES:], "<i2") * np.float32(again.scale(song))).tobytes()
    )
    assert capsys.readouterr().err == f"warning: {again.folder}: {file.name}: damaged, decoded again\n"
    AudioCache(16_000, tmp_path / "cache").fill([song])
    assert not capsys.readouterr().err


def test_threads_may_share_it(tmp_path, song):
    cache = AudioCache(16_000, tmp_path / "cache")
    cache.fill([song])
    with ThreadPoolExecutor(8) as pool:
        crops = list(pool.map(lambda _: cache.crop(song, 100, 50), range(64)))
    assert all(np.array_equal(crop, crops[0]) for crop in crops)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no full device here")
def test_a_full_disk_is_one_line(tmp_path, song, monkeypatch):
    cache = AudioCache(16_000, tmp_path / "cache")
    monkeypatch.setattr(cache_module.tempfile, "TemporaryFile", lambda dir: open("/dev/full", "wb+", buffering=0))  # noqa: SIM115
    with pytest.raises(OutputError, match=r"cache.*: cannot be written \(no space left.*--cache"):
        cache.fill([song])


def test_no_folder_for_it(tmp_path, monkeypatch):
    monkeypatch.setenv("GENRESTREAM_CACHE", "")
    with pytest.raises(UsageError, match="--cache: there is no cache folder"):
        AudioCache(16_000)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        AudioCache(16_000, tmp_path / "file" / "cache")


def test_few_files_are_open_at_once(tmp_path):
    resource = pytest.importorskip("resource", reason="no limits here")
    paths = [encode(tmp_path / f"{n}.wav", music(1, 8_000, seed=n), 8_000, "pcm_s16le") for n in range(200)]
    tracks = [Track(path.stem, path, "rock") for path in paths]
    cache = AudioCache(8_000, tmp_path / "cache")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (190, before[1]))
    try:
        cache.fill(tracks)
        assert len({cache.crop(track, 0, 8_000).tobytes() for track in tracks}) == 200
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
