import contextlib
import csv
import fcntl
import http.server
import itertools
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
import types

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genrestream.audio.source import AudioSource
from genrestream.cli.main import main
from genrestream.live.config import ListenConfig
from genrestream.live.feed import Feed
from genrestream.live.listener import Listener
from genrestream.live.microphone import _callback
from genrestream.streaming.config import StreamConfig
from genrestream.streaming.predictions import Prediction
from tests.conftest import METAL, command, encode, music
from tests.pulse import Pulse, listening, needs_pulse, until


@pytest.fixture(autouse=True)
def compiled(default):
    """The command finds the model's program in the cache, as on a user's second run."""


@pytest.fixture
def pulse(tmp_path):
    needs_pulse()
    server = Pulse(tmp_path)
    server.start()
    yield server
    server.close()


def one_line(error: str) -> str:
    assert error.count("\n") == 1, error
    assert error.startswith("genrestream: ")
    return error


class Device:
    """What PortAudio is to the listener: blocks come through the microphone's own callback."""

    name, problems = "test", list[str]()

    def __init__(self, feed: Feed, samples: np.ndarray, sample_rate: int, block: int):
        copy, flags = _callback(feed, sample_rate), types.SimpleNamespace(input_overflow=False)
        moment = types.SimpleNamespace(currentTime=0.0, inputBufferAdcTime=0.0)
        for start in range(0, samples.shape[1], block):
            part = samples[:, start : start + block]
            copy(part.T, part.shape[1], moment, flags)
        feed.end()

    def close(self) -> None:
        pass


def heard_live(model, samples, sample_rate, block, config):
    feed = Feed(limit_s=1e9)
    device = Device(feed, samples, sample_rate, block)
    options = ListenConfig(source="test", speed=float("inf"), stream=config)
    listener = Listener(options, model.session(**vars(config)), feed, device)
    updates = list(listener.updates())
    assert not listener.outcome().failed
    return [update for update in updates if isinstance(update, Prediction)]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    block=st.integers(200, 60_000),
    sample_rate=st.sampled_from([8_000, 16_000, 22_050, 44_100, 48_000]),
    offset=st.integers(0, 40_000),
    n_channels=st.integers(1, 2),
    hop_s=st.sampled_from([1.0, 1.5, 3.0]),
)
def test_listen_file_and_push_say_the_same(model, tmp_path, block, sample_rate, offset, n_channels, hop_s):
    samples = music(7, sample_rate, n_channels)[:, offset:]
    file = encode(tmp_path / "same.wav", samples, sample_rate, "pcm_f32le")
    config = StreamConfig(hop_s=hop_s, vote="decay")
    live = heard_live(model, samples, sample_rate, block, config)
    with model.stream(file, **vars(config)) as stream:
        read = list(stream)
    session = model.session(**vars(config))
    pushed = [
        p
        for start in range(0, samples.shape[1], 7919)
        for p in session.push(samples.T[start : start + 7919], sample_rate)
    ]
    pushed += session.flush()
    for other in (read, pushed):
        assert [(p.start_s, p.end_s) for p in live] == [(p.start_s, p.end_s) for p in other]
        for ours, theirs in zip(live, other, strict=True):
            np.testing.assert_allclose(list(ours.probs.values()), list(theirs.probs.values()), atol=1e-4)
            np.testing.assert_allclose(
                list(ours.running.probs.values()), list(theirs.running.probs.values()), atol=1e-4
            )


def test_what_a_speaker_plays_is_named_after_three_seconds(pulse):
    with listening("--stats", env=pulse.env) as live:
        pulse.play(METAL)
        first = live.next("chunk")
        assert (first["start_s"], first["end_s"]) == (0, 3)
        for second in range(1, 4):
            assert live.next("chunk")["start_s"] == pytest.approx(second, abs=0.0081)  # a frame is 16 ms
        until(lambda: live.next("chunk")["running"]["genres"] == ["metal"], 15)
        code, error = live.stop(signal.SIGINT)
        assert live.next("verdict")["genres"] == ["metal"]
    assert code == 130
    assert "dropped blocks 0" in error
    assert "p95" in error
    assert "peak memory" in error


def test_a_killed_server_is_noticed_and_a_new_one_heard(pulse, tmp_path):
    labels = tmp_path / "labels.txt"
    with listening("--segments", labels, env=pulse.env) as live:
        heard = live.next("chunk")
        pulse.kill()
        killed_s = time.monotonic()
        gone = live.next("event", state="no input")
        assert time.monotonic() - killed_s < 2
        time.sleep(2)
        pulse.start()
        back = live.next("event", state="nothing")
        assert "again" in back["message"]
        again = live.next("chunk")
        assert again["start_s"] >= back["time_s"] - 0.5 > gone["time_s"] + 1.5  # nothing before the gap is in it
        code, error = live.stop(signal.SIGTERM)
        verdict = live.next("verdict")
    assert code == 143
    assert "lost 1 time" in error
    assert any("lost" in problem for problem in verdict["problems"])
    assert heard["end_s"] == 3
    assert len(labels.read_text().splitlines()) == 2  # silence before the gap, silence after it


def test_a_server_that_hangs_is_noticed_and_does_not_keep_us(pulse):
    with listening(env=pulse.env) as live:
        live.next("chunk")
        pulse.signal(signal.SIGSTOP)
        stopped_s = time.monotonic()
        live.next("event", state="no input")
        assert time.monotonic() - stopped_s < 2.2  # of which the blocks that were on their way take some
        began_s = time.monotonic()
        code, _ = live.stop(signal.SIGINT)
        assert time.monotonic() - began_s < 8
    assert code == 130


def test_a_reader_that_stops_reading_costs_blocks_not_memory(pulse):
    arguments = [sys.executable, "-m", "genrestream", "listen", "--format", "jsonl", "--hop-s", "0.2", "--stats"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=pulse.env) as process:
        assert process.stdout
        assert process.stderr
        fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)
        process.stdout.readline()
        time.sleep(10)  # the pipe is full after a second, the queue after six more
        records = (json.loads(line) for line in process.stdout)
        told = next(record for record in records if record["type"] == "event" and "dropped" in record["message"])
        process.send_signal(signal.SIGINT)
        after = [record for record in records if record["type"] == "chunk"]
        assert process.wait(20) == 130
        error = process.stderr.read().decode()
    assert "blocks dropped" in told["message"]
    assert "dropped blocks 0" not in error
    assert all(record["end_s"] > told["time_s"] - 10 for record in after)


def test_no_server_and_no_card_is_said_in_one_line(tmp_path):
    needs_pulse()
    env = {**Pulse(tmp_path).env, "PULSE_SERVER": "unix:/nowhere"}
    for arguments in (["listen"], ["devices"]):
        done = command(*arguments, env=env)
        assert done.returncode == 1
        assert "no input" in one_line(done.stderr)
        assert "--source" in done.stderr


@pytest.mark.parametrize("arguments", [["listen"], ["devices"]])
def test_a_missing_portaudio_is_said_in_one_line(tmp_path, arguments):
    (tmp_path / "libportaudio.so.2").write_bytes(b"no library")
    done = command(*arguments, env={**os.environ, "LD_LIBRARY_PATH": str(tmp_path)})
    assert done.returncode == 1
    assert "apt install libportaudio2" in one_line(done.stderr)


def test_a_missing_sounddevice_is_said_in_one_line(tmp_path):
    (tmp_path / "sounddevice.py").write_text("raise ModuleNotFoundError('No module named sounddevice')")
    done = command("listen", env={**os.environ, "PYTHONPATH": f"{tmp_path}:."})
    assert done.returncode == 1
    assert "pip install 'genrestream[live]'" in one_line(done.stderr)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--speed", "2"], "--speed 2.0: needs a source to play; give a file with --source FILE"),
        (["--source", "x.wav", "--speed", "0"], "more than 0"),
        (["--source", "x.wav", "--speed", "nan"], "more than 0"),
        (["--source", "x.wav", "--device", "1"], "--device 1"),
        (["--duration-s", "-1"], "more than 0 seconds"),
        (["--loop"], "--loop: needs a file to play again; give it with --source FILE"),
        (["--loop", "--source", "-"], "--loop: needs a file to play again"),
        (["--loop", "--source", "http://127.0.0.1/x"], "--loop: needs a file to play again"),
        (["--loop", "--source", "/dev/null"], "--loop: needs a file to play again, which /dev/null is not"),
        (["--segments", "x.doc"], "must end in .csv, .jsonl or .txt"),
        (["--plot", "x.gif"], "must end in .png, .svg or .pdf"),
        (["--plot-background", "level"], "--plot-background level: needs --plot FILE"),
    ],
)
def test_options_that_cannot_be(arguments, said, capfd):
    assert main(["listen", *arguments]) == 2
    assert said in one_line(capfd.readouterr().err)


def test_a_device_of_no_name(pulse):
    done = command("listen", "--device", "nope", env=pulse.env)
    assert done.returncode == 2
    assert "'genrestream devices'" in one_line(done.stderr)


def test_a_missing_file_is_said_in_one_line():
    done = command("listen", "--source", "nowhere.wav")
    assert done.returncode == 1
    one_line(done.stderr)


def test_a_file_plays_in_real_time(wav):
    began_s = time.monotonic()
    with listening("--source", wav, "--speed", "2", "--duration-s", "5") as live:
        first = live.next("chunk")
        first_s = time.monotonic() - began_s
        verdict = live.next("verdict")
        assert live.process.wait(20) == 0
    assert first["end_s"] == 3
    assert first_s > 1.5
    assert time.monotonic() - began_s > 2.5
    assert verdict["duration_s"] == pytest.approx(5, abs=0.001)
    assert verdict["n_chunks"] == 3


def test_a_file_plays_again_and_again_without_a_gap(wav):
    arguments = ["--source", wav, "--loop", "--speed", "inf", "--duration-s", "25", "-m", "musicnn"]
    done = command("listen", *arguments, "--format", "jsonl")
    assert (done.returncode, done.stderr) == (0, "")
    *chunks, verdict = map(json.loads, done.stdout.splitlines())
    starts = [chunk["start_s"] for chunk in chunks]
    assert starts == pytest.approx(list(range(23)), abs=0.0081)  # no event, and chunks span the file's end
    assert verdict["duration_s"] == pytest.approx(25, abs=0.01)
    for one, again in ((chunks[3], chunks[13]), (chunks[5], chunks[15])):
        assert one["probs"] == pytest.approx(again["probs"], abs=0.02)


def test_ctrl_c_ends_a_file_that_plays_again_and_again(wav):
    with listening("--source", wav, "--loop", "--speed", "20") as live:
        until(lambda: live.next("chunk")["end_s"] > 30, 30)
        code, error = live.stop(signal.SIGINT)
        assert live.next("verdict")["duration_s"] > 30
    assert (code, error) == (130, "")


def test_bare_samples_from_a_pipe_are_recorded_as_they_are(tmp_path):
    samples = music(4, 22_050, 2)
    pcm = (samples.T * 32767).round().astype("<i2")
    raw = ["--source", "-", "--speed", "inf", "--raw-rate", "22050", "--raw-channels", "2"]
    done = command("listen", *raw, "--record", tmp_path / "take.wav", input=pcm.tobytes(), text=False)
    assert done.returncode == 0, done.stderr
    with AudioSource(tmp_path / "take.wav") as take:
        recorded = np.concatenate([block for block, _ in take], axis=1)
    np.testing.assert_allclose(recorded, samples, atol=1e-4)


def test_a_pipe_that_stays_silent_is_noticed_and_does_not_keep_us():
    with listening("--source", "-", stdin=subprocess.PIPE) as live:
        live.next("event", state="no input")
        began_s = time.monotonic()
        code, error = live.stop(signal.SIGINT)
        assert time.monotonic() - began_s < 5
    assert code == 130
    assert "0 s of audio" in error


def test_a_killed_recording_can_be_read(pulse, tmp_path):
    with listening("--record", tmp_path / "take.wav", env=pulse.env) as live:
        live.next("chunk")
        live.stop(signal.SIGKILL)
    with AudioSource(tmp_path / "take.wav") as take:
        assert sum(block.shape[1] / rate for block, rate in take) > 1.5


def test_the_picture_of_a_run_that_was_ended(tmp_path):
    with listening("--source", METAL, "--plot", tmp_path / "run.svg") as live:
        live.next("chunk")
        assert live.stop(signal.SIGINT)[0] == 130
    assert (tmp_path / "run.svg").read_text().count("<!-- metal -->") == 2  # a segment, and a row of probabilities


@pytest.mark.parametrize(
    ("option", "name"),
    [("--output", "full.csv"), ("--record", "full.wav"), ("--segments", "full.csv"), ("--plot", "full.png")],
)
def test_a_full_disk_is_reported(tmp_path, option, name):
    full = tmp_path / name
    full.symlink_to("/dev/full")
    done = command("listen", "--source", METAL, "--speed", "inf", option, full)
    assert done.returncode == 1
    assert "no space left on device" in one_line(done.stderr).lower()


def test_a_disk_that_fills_up_ends_the_recording_not_the_listening(tmp_path):
    listen = f"{sys.executable} -m genrestream listen --source {METAL} --speed inf --record {tmp_path}/take.wav"
    done = subprocess.run(["bash", "-c", f"ulimit -f 200; {listen}"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "take.wav: cannot be written (file too large); the recording ends here" in one_line(done.stderr)
    assert "0:30.0 in 27 chunks" in done.stdout
    with AudioSource(tmp_path / "take.wav") as take:
        assert sum(block.shape[1] for block, _ in take) > 50_000


def test_a_closed_pipe_ends_it_quietly():
    listen = f"{sys.executable} -m genrestream listen --source {METAL} --speed inf"
    done = subprocess.run(
        ["bash", "-c", f"{listen} | head -1; exit ${{PIPESTATUS[0]}}"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (141, "")
    assert done.stdout.count("\n") == 1


def test_a_machine_that_is_too_slow_answers_less_often(wav, tmp_path):
    song = encode(tmp_path / "long.wav", music(60), 16_000, "pcm_s16le")
    done = command("listen", "--source", song, "--speed", "20", "--hop-s", "0.05", "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert any("too slow: an answer each 0.1 s (asked: 0.05 s)" in record.get("message", "") for record in records)
    starts = [record["start_s"] for record in records if record["type"] == "chunk"]
    assert np.diff(starts).max() > 0.09
    assert records[-1]["duration_s"] == pytest.approx(60)


def test_a_sample_that_is_no_number_costs_a_block(tmp_path):
    samples = music(8)
    samples[0, 70_000] = np.nan
    file = encode(tmp_path / "nan.wav", samples, 16_000, "pcm_f32le")
    done = command("listen", "--source", file, "--speed", "inf", "--output", tmp_path / "out.csv")
    assert done.returncode == 1
    assert "NaN" in one_line(done.stderr)
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    chunks = [(float(row["start_s"]), float(row["end_s"])) for row in rows]
    assert len(chunks) == 3
    assert not any(start_s <= 70_000 / 16_000 < end_s for start_s, end_s in chunks)  # none spans the hole
    for part in ("events", "verdicts"):
        assert len(list(csv.DictReader((tmp_path / f"out-{part}.csv").read_text().splitlines()))) == 1


class Station(http.server.BaseHTTPRequestHandler):
    """A radio station that breaks off after six seconds of music, each time."""

    song = b""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "audio/mpeg")
        self.end_headers()
        self.wfile.write(self.song)

    def log_message(self, format, *args):
        pass


def test_a_radio_station_that_breaks_off_is_opened_again(tmp_path):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Station) as server:
        Station.song = encode(tmp_path / "a.mp3", music(6, 44_100), 44_100, "libmp3lame").read_bytes()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with listening("--source", f"http://127.0.0.1:{server.server_port}/radio", "--speed", "4") as live:
            first = live.next("chunk")
            live.next("event", state="no input")
            live.next("event", state="nothing")
            second = live.next("chunk")
            code, _ = live.stop(signal.SIGINT)
        server.shutdown()
    assert code == 130
    assert second["start_s"] > first["start_s"] + 5


def on_a_terminal(*arguments: object, **variables: str) -> bytes:
    """Return what the command sends to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "genrestream", *map(str, arguments)], stdout=theirs, stdin=theirs,
        env={**os.environ, **variables},
    ) as process:  # fmt: skip
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # the other end is closed
            while part := os.read(ours, 65_536):
                shown += part
        assert process.wait(20) == 0
    os.close(ours)
    return shown


@pytest.mark.parametrize("arguments", [["listen", "--speed", "inf", "--source"], ["file"]])
@pytest.mark.parametrize(("option", "kind"), [([], "dumb"), (["--plain"], "xterm-256color")])
def test_a_simple_terminal_gets_a_line_for_each_change(arguments, option, kind):
    lines = on_a_terminal(*arguments, METAL, *option, TERM=kind).decode().splitlines()
    assert all(line.isprintable() for line in lines)
    assert lines[0].startswith("0:03 metal 0.")
    assert lines[-1].startswith(f"{METAL}: metal 0.9")
    assert 2 <= len(lines) < 10
    told = [line.split()[1] for line in lines[:-1]]
    assert all(before != after for before, after in itertools.pairwise(told))


@pytest.mark.parametrize("arguments", [["listen", "--speed", "8", "--source"], ["file", "--hop-s", "0.2"]])
@pytest.mark.parametrize(
    ("option", "variables"),
    [(["--ascii"], {}), ([], {"PYTHONIOENCODING": "latin-1"}), (["--ascii"], {"NO_COLOR": "1"})],
)
def test_a_terminal_without_unicode_gets_ascii(arguments, option, variables, tmp_path):
    song = tmp_path / "é日.ogg"
    song.symlink_to(METAL)
    shown = on_a_terminal(*arguments, song, *option, TERM="xterm-256color", **variables)
    assert shown.isascii()
    assert b"###" in shown
    assert (b";2;0;90;73" in shown or b"38;5;" in shown) == ("NO_COLOR" not in variables)  # the colour of metal


def test_the_terminal_is_given_back(wav):
    shown = on_a_terminal("listen", "--source", wav, "--speed", "inf", TERM="xterm-256color")
    assert b"Ctrl-C ends" in shown
    assert shown.index(b"\x1b[?1049h") < shown.rindex(b"\x1b[?1049l")
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")
    assert b"in 8 chunks" in shown[shown.rindex(b"\x1b[?1049l") :]


def test_a_terminal_that_is_closed_without_a_signal_ends_the_listening(tmp_path):
    """The process has a session of its own, so that the kernel sends it no SIGHUP."""
    ours, theirs = pty.openpty()
    arguments = ["listen", "--source", str(METAL), "--output", str(tmp_path / "x.jsonl")]
    with subprocess.Popen(
        [sys.executable, "-m", "genrestream", *arguments], stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True, env={**os.environ, "TERM": "xterm-256color"},
    ) as process:  # fmt: skip
        os.close(theirs)
        shown = b""
        while b"Ctrl-C ends" not in shown:
            shown += os.read(ours, 65_536)
        os.close(ours)
        closed_s = time.monotonic()
        assert process.wait(20) == 129
        assert time.monotonic() - closed_s < 10
    assert all(json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines())
