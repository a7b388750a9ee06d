"""The command itself, as a user types it: its address, its errors, its end, and kill -9."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from genrestream.cli.main import main
from genrestream.live.config import ListenConfig
from genrestream.serve.history import read
from genrestream.serve.inputs import named
from tests.conftest import EXAMPLES, METAL, ROOT
from tests.serve.serving import serving


class Process:
    """`genrestream serve` in a process of its own."""

    def __init__(self, folder, *arguments, port=0):
        command = [sys.executable, "-m", "genrestream", "serve", "--port", str(port), *map(str, arguments)]
        env = {**os.environ, "XDG_DATA_HOME": str(folder)}
        self.log = open(folder / "stderr", "a")  # noqa: SIM115 - closed by close()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True, env=env)
        assert self.process.stdout
        self._out = self.process.stdout
        self.url = self._out.readline().split()[0]
        self.port = int(self.url.rpartition(":")[2].strip("/"))

    def json(self, path):
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return json.load(answer)

    def until(self, condition):
        ends_s = time.monotonic() + 90
        while not condition(now := self.json("api/now")):
            assert time.monotonic() < ends_s
            time.sleep(0.1)
        return now

    def end(self, number):
        self.process.send_signal(number)
        code = self.process.wait(60)
        self.close()
        return code

    def close(self):
        self.process.kill()
        self.process.wait()
        self._out.close()
        self.log.close()


def test_killed_it_loses_seconds_and_started_again_it_goes_on(default, tmp_path):
    inputs = ["--input", f"bar={METAL}", "--input", f"hall={EXAMPLES / 'classical.ogg'}", "--loop", "--keep-days", "2"]
    served = Process(tmp_path, *inputs)
    with contextlib.closing(served):
        now = served.until(lambda now: all(one["genres"] for one in now["inputs"]))
        assert {one["input"]: one["genre"] for one in now["inputs"]} == {"bar": "metal", "hall": "classical"}
        heard_s = {one["input"]: one["time_s"] for one in now["inputs"]}
        while not served.json("api/history?input=bar")["segments"]:  # the first seconds may be lost
            time.sleep(0.1)
        assert served.end(signal.SIGKILL) == -signal.SIGKILL
    path = tmp_path / "genrestream" / "history.sqlite"
    kept = read(path, 0, time.time() + 60)
    assert {(name, one.genre) for name, one in kept} >= {("bar", "metal")}
    for name, seconds in heard_s.items():
        assert sum(one.end - one.start for own, one in kept if own == name) > seconds - 12
    again = Process(tmp_path, *inputs, port=served.port)
    with contextlib.closing(again):
        assert again.json("api/history?input=bar")["segments"]
        assert again.end(signal.SIGHUP) == 129
    assert (tmp_path / "stderr").read_text() == ""


def test_inputs_that_hang_end_together(shared, tmp_path):
    with contextlib.ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        inputs = {f"radio{number}": ListenConfig(source=f"{address}/{number}") for number in range(12)}
        with serving(shared, tmp_path, inputs):
            for _ in inputs:
                stack.enter_context(silent.accept()[0])
            began_s = time.monotonic()
        assert time.monotonic() - began_s < 10  # each takes a second or more


def test_a_source_that_is_no_audio_is_said_and_tried_again(default, tmp_path):
    (tmp_path / "text.wav").write_text("no music\n" * 1000)
    served = Process(tmp_path, "--source", tmp_path / "text.wav", "--no-history")
    with contextlib.closing(served):
        now = served.until(lambda now: now["inputs"][0]["state"] == "no input")
        assert "is not audio that FFmpeg can decode; next try in" in now["inputs"][0]["notice"]
        assert served.end(signal.SIGTERM) == 143
    assert "genrestream: input main: " in (tmp_path / "stderr").read_text()
    assert not (tmp_path / "genrestream").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--source", "gone.ogg"], 1, "gone.ogg: no such file"),
        (["--host", "0.0.0.0"], 2, "--host 0.0.0.0: others can reach this address, so it needs --token"),
        (["--host", "no-such-host.invalid", "--token", "x" * 12, "--no-input"], 2, "is no address of this machine"),
        (["--source", METAL, "--device", "1"], 2, "--device and --source: cannot be used together"),
        (["--source", METAL, "--no-input"], 2, "cannot be used together"),
        (["--input", "bar"], 2, "--input bar: must be NAME=SOURCE"),
        (["--input", "a b=x.ogg"], 2, "must be NAME=SOURCE"),
        (["--input", f"visitors={METAL}"], 2, "choose another"),
        (["--input", f"a={METAL}", "--input", f"a={METAL}"], 2, "there are 2 inputs of this name"),
        (["--input", "a=-", "--input", "b=-"], 2, "only one input can be standard input"),
        (["--loop", "--no-input"], 2, "--loop: needs a file to play again"),
        (["--loop", "--source", "http://x/"], 2, "--loop"),
        (["--token", "short", "--source", METAL], 2, "must have at least 12 characters"),
        (["--keep-days", "0", "--source", METAL], 2, "--keep-days 0"),
        (["--history", "x", "--no-history"], 2, "cannot be used together"),
        (["--to", "x", "--source", METAL], 2, "--to x: must be mqtt://"),
        (["--model", "no-such", "--no-input"], 2, "no-such"),
        (["song.ogg"], 2, "song.ogg: not understood"),
        (["--history", "/proc/x/y", "--no-input", "--port", "0"], 1, "cannot be written"),
    ],
)
def test_what_cannot_be_served_is_one_line(arguments, code, words, capsys, default):
    assert main(["serve", *map(str, arguments)]) == code
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_a_port_that_is_taken(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["serve", "--no-input", "--port", str(taken.getsockname()[1])]) == 2
    assert "address already in use; choose another with --port" in capsys.readouterr().err


def test_help_imports_no_server():
    program = "import sys; from genrestream.cli.main import main; main(['serve', '--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=60)
    imported = {name.split(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert not imported & {"starlette", "uvicorn", "wsproto", "paho", "pythonosc", "jax", "sqlite3", "sounddevice"}


@pytest.mark.parametrize("missing", ["starlette", "uvicorn", "wsproto"])
def test_a_package_that_is_missing_is_named(missing):
    program = (
        f"import sys; sys.modules[{missing!r}] = None; sys.argv = ['genrestream', 'serve', '--no-input'];"
        " from genrestream.cli.main import run; run()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 2
    assert done.stderr.endswith("; pip install 'genrestream[serve]'\n")
    assert missing in done.stderr.casefold()


def test_an_input_is_a_file_an_address_or_a_device():
    base = ListenConfig()
    assert named(f"bar={METAL}", base, loop=True).listen == ListenConfig(source=str(METAL), loop=True)
    assert named("radio=http://x/live", base, loop=True).listen == ListenConfig(source="http://x/live")
    assert named("mixer=USB Audio", base).listen == ListenConfig(device=("USB Audio",))
    assert named("in-1=-", base).listen.source == "-"
    for missing in ("/nowhere", "./gone.x", "gone.ogg"):  # the error then speaks of a file, not of a device
        assert named(f"bar={missing}", base).listen.source == missing
