"""A real PulseAudio server of a test's own, whose null sink's monitor is the microphone."""

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

TOOLS = ("pulseaudio", "pactl", "paplay")


def needs_pulse() -> None:
    """Skip where there is no PulseAudio; in CI that is a failure."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"{', '.join(missing)} must be installed in CI: apt install pulseaudio pulseaudio-utils")
    if missing:
        pytest.skip(
            f"no {', '.join(missing)}: apt install pulseaudio pulseaudio-utils libasound2-plugins libportaudio2"
        )


class Pulse:
    """The server; its sockets lie in a folder of its own.

    Args:
        folder: Where they lie.
        sinks: Names of its null sinks; the monitor of the first is the default input.
    """

    def __init__(self, folder: Path, sinks: Sequence[str] = ("loop",)):
        self._sinks = sinks
        self.env = {
            **os.environ,
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_RUNTIME_PATH": str(folder),
            "HOME": str(folder),
        }
        self.env.pop("PULSE_SERVER", None)
        self._server: subprocess.Popen | None = None
        self._players: list[subprocess.Popen] = []

    def start(self) -> None:
        modules = (*(f"module-null-sink sink_name={name}" for name in self._sinks), "module-native-protocol-unix")
        arguments = [option for module in modules for option in ("-L", module)]
        self._server = subprocess.Popen(
            ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", *arguments],
            env=self.env,
            stderr=subprocess.DEVNULL,
        )
        until(lambda: self._control("set-default-source", f"{self._sinks[0]}.monitor"), 10)

    def play(self, path: Path, sink: str | None = None) -> None:
        where = ["-d", sink] if sink else []
        self._players.append(subprocess.Popen(["paplay", *where, str(path)], env=self.env, stderr=subprocess.DEVNULL))

    def pull(self, sink: str) -> None:
        """Take a sink and its monitor away."""
        listed = subprocess.run(["pactl", "list", "short", "modules"], env=self.env, capture_output=True, text=True)
        number = next(line.split("\t")[0] for line in listed.stdout.splitlines() if f"sink_name={sink}" in line)
        assert self._control("unload-module", number)

    def plug(self, sink: str) -> None:
        """Bring a sink and its monitor."""
        assert self._control("load-module", "module-null-sink", f"sink_name={sink}")

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        assert self._server
        self._server.wait()

    def signal(self, number: int) -> None:
        assert self._server
        self._server.send_signal(number)

    def close(self) -> None:
        for player in self._players:
            player.kill()
            player.wait()
        if self._server and self._server.poll() is None:
            self._server.kill()
            self._server.wait()

    def _control(self, *arguments: str) -> bool:
        return subprocess.run(["pactl", *arguments], env=self.env, capture_output=True).returncode == 0


def until(holds: Callable[[], Any], limit_s: float) -> Any:
    """Wait until it holds, and return what it returned."""
    end_s = time.monotonic() + limit_s
    while not (value := holds()):
        assert time.monotonic() < end_s, f"did not come true within {limit_s} s"
        time.sleep(0.02)
    return value


class Live:
    """A running ``genrestream listen``, its JSON lines read as they come."""

    def __init__(self, process: subprocess.Popen):
        self.process = process
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def next(self, kind: str, limit_s: float = 30.0, **fields: Any) -> dict:
        """Return the next record of a kind that has these fields."""
        end_s = time.monotonic() + limit_s
        while True:
            record = json.loads(self._lines.get(timeout=max(0.01, end_s - time.monotonic())))
            if record["type"] == kind and all(record[name] == value for name, value in fields.items()):
                return record

    def stop(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Send a signal; return the exit code and what was on standard error."""
        self.process.send_signal(number)
        return self.process.wait(20), self.process.stderr.read()  # pyright: ignore[reportOptionalMemberAccess]

    def _read(self) -> None:
        for line in self.process.stdout:  # pyright: ignore[reportOptionalIterable]
            self._lines.put(line)


@contextlib.contextmanager
def listening(*arguments: object, env: dict[str, str] | None = None, **options: Any) -> Iterator[Live]:
    """Run ``genrestream listen --format jsonl`` in the background."""
    command = [sys.executable, "-m", "genrestream", "listen", "--format", "jsonl", *map(str, arguments)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env or dict(os.environ), **options
    ) as process:
        try:
            yield Live(process)
        finally:
            process.kill()
