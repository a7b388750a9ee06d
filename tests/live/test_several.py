"""Several inputs at once: real devices of one server, each with an answer of its own, lost and back by themselves."""

import os
import signal
import time
from pathlib import Path

import pytest

from genrestream.cli.main import main
from tests.conftest import EXAMPLES, METAL, command
from tests.pulse import Pulse, listening, needs_pulse, until

CLASSICAL = EXAMPLES / "classical.ogg"
BOTH = ("--device", "hall", "--device", "bar")
HALL, BAR = "hall.monitor", "bar.monitor"


@pytest.fixture(autouse=True)
def compiled(default):
    """The command finds the model's program in the cache, as on a user's second run."""


@pytest.fixture
def pulse(tmp_path):
    needs_pulse()
    server = Pulse(tmp_path, ("hall", "bar"))
    server.start()
    yield server
    server.close()


def children(process):
    """Return the processes that capture, by device."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            arguments = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it has ended
            continue
        if int(fields[1]) == process.pid and b"genrestream.live.several.capture" in arguments:
            found[arguments[-2].decode()] = int(folder.name)
    return found


def test_each_input_has_its_own_answer_and_one_that_goes_away_does_not_touch_the_other(pulse):
    with listening(*BOTH, env=pulse.env) as live:
        pulse.play(METAL, "hall")
        pulse.play(CLASSICAL, "bar")
        until(lambda: live.next("chunk", source=HALL)["running"]["genres"] == ["metal"], 20)
        until(lambda: live.next("chunk", source=BAR)["running"]["genres"] == ["classical"], 20)
        pulse.pull("bar")
        gone = live.next("event", source=BAR, state="no input")
        before = live.next("chunk", source=HALL)
        pulse.plug("bar")
        back = live.next("event", source=BAR, state="nothing")
        assert "again" in back["message"]
        assert live.next("chunk", source=BAR)["start_s"] > gone["time_s"]
        other = live.next("chunk", source=HALL)
        code, error = live.stop(signal.SIGINT)
        verdicts = {}
        for _ in range(2):
            verdict = live.next("verdict")
            verdicts[verdict["source"]] = verdict
    assert code == 130
    assert f"{BAR}: the input was lost 1 time" in error
    assert verdicts[HALL]["problems"] == []
    assert verdicts[BAR]["problems"]
    assert sum(verdicts[HALL]["seconds"].values()) > 3
    assert "classical" not in verdicts[HALL]["seconds"]
    assert "metal" not in verdicts[BAR]["seconds"]
    assert other["start_s"] > before["start_s"]


def test_a_process_that_is_killed_is_started_again_and_none_is_left(pulse):
    with listening(*BOTH, env=pulse.env) as live:
        live.next("chunk", source=HALL)
        live.next("chunk", source=BAR)
        first = until(lambda: len(found := children(live.process)) == 2 and found, 10)
        os.kill(first["bar"], signal.SIGKILL)
        live.next("event", source=BAR, state="no input")
        live.next("event", source=BAR, state="nothing")
        live.next("chunk", source=BAR)
        second = children(live.process)
        assert second["hall"] == first["hall"]
        assert second["bar"] != first["bar"]
        live.process.kill()  # nothing of us can tell the processes to end
        live.process.wait()
        until(lambda: not any(Path(f"/proc/{one}").exists() for one in second.values()), 10)


def test_each_line_of_text_has_the_name(pulse):
    for option in ([], ["--plain"]):
        done = command("listen", *BOTH, "--duration-s", "5", *option, "--stats", env=pulse.env)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert all(line.startswith((f"{HALL}: ", f"{BAR}: ")) for line in lines)
        assert {line.split(": ")[0] for line in lines} == {HALL, BAR}
        assert f"{BAR}: dropped blocks 0" in done.stderr
        assert f"{HALL}: dropped blocks 0" in done.stderr


def test_a_server_that_hangs_does_not_keep_us(pulse):
    with listening(*BOTH, env=pulse.env) as live:
        live.next("chunk", source=BAR)
        pulse.signal(signal.SIGSTOP)
        live.next("event", source=HALL, state="no input")
        began_s = time.monotonic()
        code, _ = live.stop(signal.SIGTERM)
        assert time.monotonic() - began_s < 10
    assert code == 143


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--segments", "x.csv"], "--segments x.csv: is written for one input, 2 are given"),
        (["--plot", "x.png"], "--plot x.png: draws one input, 2 are given"),
        (["--record", "x.wav"], "--record x.wav: records one input, 2 are given"),
        (["--source", "x.wav"], "--device hall: cannot be used together with source x.wav"),
    ],
)
def test_what_is_for_one_input(arguments, said, capsys):
    assert main(["listen", *BOTH, *arguments]) == 2
    assert capsys.readouterr().err == f"genrestream: {said}\n"


def test_a_device_that_is_given_twice_or_does_not_exist(pulse):
    done = command("listen", "--device", "hall.monitor", "--device", "hall", env=pulse.env)
    assert done.returncode == 2
    assert done.stderr == "genrestream: --device hall: is hall.monitor, which is given already; give it once\n"
    done = command("listen", "--device", "hall", "--device", "nope", env=pulse.env)
    assert done.returncode == 2
    assert done.stderr == "genrestream: --device nope: no such input; 'genrestream devices' lists them\n"
