import subprocess
import sys

import pytest

from tests.conftest import command
from tests.pulse import Pulse, listening, needs_pulse


@pytest.fixture(scope="module")
def pulse(tmp_path_factory):
    needs_pulse()
    server = Pulse(tmp_path_factory.mktemp("pulse"))
    server.start()
    yield server
    server.close()


def test_inputs_are_listed_and_marked(pulse):
    done = command("devices", env=pulse.env)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert sum("[default]" in line for line in lines) == 1
    (monitor,) = [line for line in lines if "loop.monitor" in line]
    assert "[loopback" in monitor
    assert "2 channels, 44100 Hz" in monitor
    assert len({line.split()[0] for line in lines}) == len(lines)  # each has a number of its own


def test_an_input_is_chosen_by_number_or_part_of_its_name(pulse, model):
    listed = command("devices", env=pulse.env).stdout.splitlines()
    number = next(line.split()[0] for line in listed if "loop.monitor" in line)
    for choice in (number, "LOOP.mon", "loop.monitor"):
        with listening("--device", choice, "--duration-s", "3", env=pulse.env) as live:
            assert live.next("chunk")["source"] == "loop.monitor"
            assert live.process.wait(20) == 0


@pytest.mark.parametrize(("choice", "said"), [("99", "no such input"), ("u", "part of several names")])
def test_a_choice_that_names_none_or_several(pulse, choice, said):
    done = command("listen", "--device", choice, env=pulse.env)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_devices_are_found_again_after_a_scan_that_failed(pulse):
    """Such a scan leaves PortAudio ended, and to end it twice is an error."""
    program = (
        "from genrestream.live.devices import *; portaudio()._terminate(); rescan(); rescan(); print(len(inputs()))"
    )
    done = subprocess.run([sys.executable, "-c", program], env=pulse.env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0
