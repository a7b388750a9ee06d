"""A command: started for each message, which it gets as JSON on its standard input; no shell is between."""

import contextlib
import json
import os
import shutil
import signal
import subprocess

from genrestream.errors import OutputError, UsageError
from genrestream.ways_out.now import Now
from genrestream.ways_out.target import Target

TIMEOUT_S = 10.0


class Command:
    """A program of this machine. What it prints is discarded; after ten seconds it is killed.

    Args:
        target: ``exec:COMMAND``, with arguments as a shell would read them.

    Raises:
        UsageError: There is no such command.
    """

    limit, tries = 10, 1

    def __init__(self, target: Target):
        self.name, self._command = target.shown, target.command
        self._running: subprocess.Popen[bytes] | None = None
        if shutil.which(self._command[0]) is None:
            raise UsageError(f"--to {self.name}: no such command; give its path, or look whether it is executable")

    def send(self, message: Now) -> None:
        """Run the command with a message.

        Raises:
            OutputError: It cannot be started, ends with another code than 0, or takes too long.
        """
        try:
            self._running = process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise OutputError(f"cannot be started ({(error.strerror or str(error)).lower()})") from error
        try:
            process.communicate(json.dumps(message.to_dict()).encode() + b"\n", TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise OutputError(f"was killed after {TIMEOUT_S:g} s") from error
        finally:
            _kill(process)
        if process.returncode:
            raise OutputError(f"ends with code {process.returncode}")

    def close(self) -> None:
        """Kill it if it still runs."""
        if self._running is not None and self._running.poll() is None:
            _kill(self._running)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a command that still runs, with all that it started."""
    if process.poll() is None:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
