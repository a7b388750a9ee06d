"""A microphone that is captured by a process of its own.

PortAudio finds a device that comes back only when it is started again, which ends the streams of all devices in the
process, and a PulseAudio source is chosen by a variable of the process. So each of several devices has a process: what
one loses, or what crashes or hangs there, does not touch the others.
"""

import contextlib
import dataclasses
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from genrestream.errors import AudioError
from genrestream.live.devices import Device, pick
from genrestream.live.feed import Block, Feed
from genrestream.live.microphone import FIRST_RETRY_S, GAP_S, LAST_RETRY_S
from genrestream.live.several.capture import messages

PACKAGE, CAPTURE = Path(__file__).parents[2], "genrestream.live.several.capture"
OPENING_S = 10.0  # after so long a device that is still being opened counts as silent
CLOSING_S = 3.0  # a process that hangs in the audio system is killed after so long


class MicrophoneApart:
    """As ``live.microphone.Microphone``; that it cannot be opened is the feed's error, not the constructor's.

    Args:
        choice: Number or part of the name of the device; the default one where None.
        feed: Where its blocks go.
        device: The chosen device, if it is already known.

    Attributes:
        name: The device's name.
        problems: Always empty: the feed counts a device's losses.

    Raises:
        UsageError: No device has that name.
        AudioError: There is no device, or PortAudio is missing.
    """

    def __init__(self, choice: str | None, feed: Feed, device: Device | None = None):
        self.name, self.problems = (device or pick(choice)).name, list[str]()
        self._choice, self._feed = choice, feed
        self._heard_s: float | None = None  # when the last block was captured
        self._closing = threading.Event()
        feed.began_s = time.monotonic() + OPENING_S
        self._process = _started(choice)
        self._thread = threading.Thread(target=self._run, name="microphone", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        if self._closing.is_set():
            return
        self._closing.set()
        _end(self._process)
        self._thread.join(CLOSING_S)
        self._feed.end()

    def _run(self) -> None:
        """Hand on what a process writes, and start another where it ends."""
        try:
            error = self._hand_on(self._process)
            if self._heard_s is None and not self._closing.is_set():
                raise AudioError(error or f"{self.name}: cannot be opened: the process for it ended at once")
            retry_s = FIRST_RETRY_S
            while not self._closing.is_set():
                self._feed.connected = False
                self._feed.notice = f"{self.name} is gone; the next try to open it is in {retry_s:g} s"
                if self._closing.wait(retry_s):
                    return
                before_s, self._process = self._heard_s, _started(self._choice)
                self._hand_on(self._process)
                retry_s = FIRST_RETRY_S if self._heard_s != before_s else min(2 * retry_s, LAST_RETRY_S)
        except Exception as error:  # an error in a thread would be lost: the listener raises it
            self._feed.end(error)

    def _hand_on(self, process: subprocess.Popen[bytes]) -> str:
        """Put a process's blocks into the feed until it ends; return its error, if there was one."""
        assert process.stdout
        error, is_first, n_lost_before = "", True, self._feed.n_overflows
        for message in () if self._closing.is_set() else messages(process.stdout):
            self._feed.began_s = min(self._feed.began_s, time.monotonic())
            if isinstance(message, Block):
                gap_s = self._gap_s(message) if is_first else 0.0
                is_first, self._heard_s = False, message.captured_s
                self._feed.put(dataclasses.replace(message, lost_s=message.lost_s + gap_s))
            elif message.error:
                error = message.error
            else:
                self._feed.connected, self._feed.notice = message.connected, message.notice or self._feed.notice
                self._feed.n_overflows = n_lost_before + message.n_lost
        _end(process)
        return error

    def _gap_s(self, block: Block) -> float:
        """Return the seconds between the last block of the process before and the first one of this."""
        gap_s = 0.0 if self._heard_s is None else block.captured_s - block.duration_s - self._heard_s
        return gap_s if gap_s > GAP_S else 0.0


def _started(choice: str | None) -> subprocess.Popen[bytes]:
    # Without the current folder (-P), where a stranger's files may lie; of this package, wherever it is.
    folders = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        [sys.executable, "-P", "-m", CAPTURE, *([] if choice is None else [choice])],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)}, start_new_session=True,  # Ctrl-C is not for it
    )  # fmt: skip


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process: it does so by itself when its input ends; one that hangs is killed."""
    assert process.stdin
    with contextlib.suppress(OSError):
        process.stdin.close()
    try:
        process.wait(CLOSING_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
