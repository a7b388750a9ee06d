"""Recordings: what was received is in them, after a kill and on a full disk too."""

import subprocess
import sys
import time

import numpy as np
import pytest

from genrestream.audio.source import AudioSource
from genrestream.cli.main import main
from genrestream.errors import OutputError, UsageError
from genrestream.output.recording import encoded, recording
from genrestream.output.recording.recording import Recording, check_recording
from tests.conftest import METAL, music

SUFFIXES = (".wav", ".flac", ".opus", ".mp3")


@pytest.fixture(autouse=True)
def compiled(default):
    """The command finds the model's program in the cache, as on a user's second run."""


def heard(path):
    """Return the samples, the rate and what was wrong."""
    with AudioSource(path) as source:
        blocks = list(source)
    return np.concatenate([block for block, _ in blocks], axis=1), blocks[0][1], source.problems


def recorded(path, samples, sample_rate, **options):
    """Record in blocks of a tenth of a second."""
    take = Recording(str(path), **options)
    for start in range(0, samples.shape[1], sample_rate // 10):
        take.write(samples[:, start : start + sample_rate // 10], sample_rate)
    take.close()
    return take


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("sample_rate", "n_channels"), [(8_000, 1), (22_050, 2), (44_100, 2), (48_000, 2), (96_000, 1)]
)
def test_what_is_received_is_in_the_file(tmp_path, suffix, sample_rate, n_channels):
    samples = music(4, sample_rate, n_channels)
    recorded(tmp_path / f"take{suffix}", samples, sample_rate)
    found, rate, problems = heard(tmp_path / f"take{suffix}")
    assert not problems
    assert len(found) == n_channels
    assert found.shape[1] / rate == pytest.approx(4, abs=0.05)
    if suffix in (".wav", ".flac"):
        assert rate == sample_rate
        np.testing.assert_allclose(found, samples, atol=1e-4)
    else:
        assert np.abs(found).mean() == pytest.approx(np.abs(samples).mean(), rel=0.15)


@pytest.mark.parametrize("n_channels", range(3, 9))
@pytest.mark.parametrize(("suffix", "n_kept"), [(".wav", 8), (".flac", 8), (".opus", 2), (".mp3", 2)])
def test_many_channels_are_kept_or_mixed_to_two(tmp_path, suffix, n_kept, n_channels):
    recorded(tmp_path / f"take{suffix}", music(1, 48_000, n_channels), 48_000)
    assert len(heard(tmp_path / f"take{suffix}")[0]) == min(n_kept, n_channels)


def test_more_channels_than_a_format_holds_end_the_recording(tmp_path):
    with pytest.raises(OutputError, match=r"take.flac: holds at most 8 channels, the input has 9; record into .wav"):
        recorded(tmp_path / "take.flac", music(1, 48_000, 9), 48_000)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_another_format_of_the_input_begins_another_file(tmp_path, suffix):
    take = Recording(str(tmp_path / f"take{suffix}"))
    for n_channels, sample_rate in ((1, 44_100), (1, 44_100), (2, 44_100), (2, 48_000)):
        take.write(music(1, sample_rate, n_channels), sample_rate)
    take.close()
    assert [path.stem for path in take.paths] == ["take", "take-2", "take-3"]
    found = [heard(path) for path in take.paths]
    assert [len(samples) for samples, _, _ in found] == [1, 2, 2]
    lengths_s = [samples.shape[1] / rate for samples, rate, _ in found]
    assert lengths_s == pytest.approx([2, 1, 1], abs=0.05)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_block_without_samples_changes_nothing(tmp_path, suffix):
    """Such a block comes where a gap reaches beyond --duration-s."""
    take = Recording(str(tmp_path / f"take{suffix}"))
    for n_samples in (0, 16_000, 0):
        take.write(music(1, 16_000)[:, :n_samples], 16_000)
    take.close()
    samples, rate, problems = heard(tmp_path / f"take{suffix}")
    assert not problems
    assert samples.shape[1] / rate == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_hours_begin_another_file(tmp_path, suffix):
    (tmp_path / f"take-2{suffix}").write_text("of an earlier run")
    take = recorded(tmp_path / f"take{suffix}", music(9, 16_000), 16_000, rotate_h=0.001)
    assert [path.stem for path in take.paths] == ["take", "take-3", "take-4"]
    lengths_s = [samples.shape[1] / rate for samples, rate, _ in map(heard, take.paths)]
    assert lengths_s == pytest.approx([3.6, 3.6, 1.8], abs=0.1)
    assert (tmp_path / f"take-2{suffix}").read_text() == "of an earlier run"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_there_is_kept_until_there_is_something_to_record(tmp_path, suffix):
    path, text = tmp_path / f"take{suffix}", tmp_path / "text.wav"
    path.write_bytes(b"of an earlier run" * 100_000)
    text.write_text("no sound " * 100)
    assert main(["listen", "--source", str(text), "--record", str(path)]) == 1
    assert path.read_bytes() == b"of an earlier run" * 100_000
    recorded(path, music(1, 16_000), 16_000)
    assert path.stat().st_size < 50_000
    assert heard(path)[0].shape[1] > 15_000


def test_a_full_wav_begins_another_file(tmp_path, monkeypatch):
    from genrestream.output.recording import wav

    monkeypatch.setattr(wav, "MAX_BYTES", 100_000)
    take = recorded(tmp_path / "take.wav", music(4, 16_000), 16_000)
    assert [path.stem for path in take.paths] == ["take", "take-2"]
    assert sum(heard(path)[0].shape[1] for path in take.paths) == 64_000


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_killed_recording_can_be_read(tmp_path, suffix):
    """The process is killed while it listens in real time; what is lost is less than 1.5 s."""
    path = tmp_path / f"take{suffix}"
    arguments = ["listen", "--source", str(METAL), "--record", str(path), "-f", "jsonl"]
    with subprocess.Popen([sys.executable, "-m", "genrestream", *arguments], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        time.sleep(1)
        process.kill()
    samples, rate, problems = heard(path)
    assert samples.shape[1] / rate > 2.5
    assert problems == (["cut short: its last page does not mark the end"] if suffix == ".opus" else [])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_ends_the_recording_not_the_listening(tmp_path, suffix):
    arguments = f"--source {METAL} --speed inf --record {tmp_path}/take{suffix}"
    listen = f"ulimit -f 100; {sys.executable} -m genrestream listen {arguments}"
    done = subprocess.run(["bash", "-c", listen], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert f"take{suffix}: cannot be written (file too large); the recording ends here" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "0:30.0 in 27 chunks" in done.stdout
    assert heard(tmp_path / f"take{suffix}")[0].shape[1] > 20_000


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_room_at_all_is_one_line(tmp_path, suffix):
    (tmp_path / f"full{suffix}").symlink_to("/dev/full")
    program = [sys.executable, "-m", "genrestream", "listen", "--source", METAL, "--speed", "inf", "--record"]
    done = subprocess.run([*program, tmp_path / f"full{suffix}"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "cannot be written (no space left on device)" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--record", "take.ogx"], "--record take.ogx: must end in .wav, .flac, .opus or .mp3"),
        (["--record", "take"], "--record take: must end in .wav"),
        (["--record", "-"], "--record -: a recording needs a file"),
        (["--record", "x.wav", "--rotate-h", "0"], "--rotate-h 0.0: must be from 0.001 to 1e+06 hours"),
        (["--record", "x.wav", "--rotate-h", "nan"], "--rotate-h nan: must be from 0.001"),
        (["--rotate-h", "1"], "--rotate-h 1.0: needs a recording; give --record FILE"),
    ],
)
def test_recordings_that_cannot_be(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["listen", "--source", str(METAL), *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_missing_encoder_is_said_before_the_run(monkeypatch):
    missing = {".mp3": encoded.Encoding("no-such-encoder", "mp3", 2)}
    monkeypatch.setattr(recording, "ENCODINGS", missing)
    with pytest.raises(
        UsageError, match=r"x.mp3: this build of FFmpeg has no encoder no-such-encoder; record into .wav"
    ):
        check_recording("x.mp3")
