"""A worker's process, as the scan sees it: the files that it has, what it says, and whether it still works."""

import contextlib
import dataclasses
import json
import math
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from genrestream.library.table.track import Found
from genrestream.library.work.batcher import Batcher
from genrestream.library.work.settings import WorkerError, WorkerSettings, environment
from genrestream.library.work.wire import receive, send

N_AT_ONCE = 2  # files that a worker has, so that it never waits for the next one
STUCK_S, SLOWEST_BYTES_S, DAY_S = 120.0, 1e6, 86_400.0
START_S = 600.0  # it may compile the model, on a slow disk and a busy machine


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a worker found out about a file.

    Attributes:
        found: The file.
        audio_hash: The digest of its audio; empty if it could not be read.
        duration_s: Its length in seconds if known.
        row: The verdict, as fields of its row; None if the audio was known already, or failed.
        error: Why it failed; empty if it did not.
    """

    found: Found
    audio_hash: str = ""
    duration_s: float | None = None
    row: dict[str, Any] | None = None
    error: str = ""


@dataclasses.dataclass
class InWork:
    """A file that a worker has.

    Attributes:
        found: The file.
        is_alone: Whether its worker has no other one: if the worker dies, this one is why.
        audio_hash: The digest of its audio, once it is known.
        duration_s: Its length in seconds, once it is known.
        began_s: When the present step began, on the monotonic clock; infinite between two steps.
    """

    found: Found
    is_alone: bool = False
    audio_hash: str = ""
    duration_s: float | None = None
    began_s: float = math.inf

    def limit_s(self, per_track: float) -> float:
        """Return how long one step may take: a working one is far faster, on a slow disk and a busy machine, too.

        Of the file's length, which it may misstate, no more counts than is classified, and a day at most.
        """
        audio_s = min(self.duration_s or 0.0, per_track or DAY_S)
        return STUCK_S + self.found.size / SLOWEST_BYTES_S + audio_s


class Process:
    """A worker's process, and the thread that reads what it says."""

    def __init__(self, settings: WorkerSettings, messages: "queue.SimpleQueue[Any]", batcher: Batcher | None):
        self.files: dict[int, InWork] = {}
        self.is_ready, self.failure, self._per_track = False, "", settings.per_track
        self._stuck, self._stuck_at = "", -1
        self._last_s = time.monotonic()  # of the last message, to it or from it
        self._messages, self._batcher, self._turn = messages, batcher, threading.Lock()
        command = [sys.executable, "-m", "genrestream.library.work.worker", json.dumps(dataclasses.asdict(settings))]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(),
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise WorkerError(f"a worker process cannot be started ({error}); give fewer --jobs") from error
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def _read(self) -> None:
        assert self._process.stdout
        while message := receive(self._process.stdout):
            self._last_s = time.monotonic()
            fields, body = message
            if "chunk" in fields and self._batcher:
                number = fields["chunk"]
                self._batcher.infer(
                    np.frombuffer(body, np.float32),
                    lambda logits, number=number: self._send({"logits": number}, logits.tobytes()),
                )
            elif "failed" in fields:
                self.failure = fields["failed"]
            else:
                self._messages.put((self, fields))
        self._process.stdout.close()
        self._messages.put((self, None))

    def _send(self, fields: dict[str, Any], body: bytes = b"") -> None:
        assert self._process.stdin
        self._last_s = time.monotonic()
        with self._turn, contextlib.suppress(OSError, ValueError):  # a dead worker is noticed by its reader
            send(self._process.stdin, fields, body)

    def has_place(self, is_alone: bool) -> bool:
        """Whether it can take another file, one that must be its only one or not."""
        is_alone = is_alone or any(file.is_alone for file in self.files.values())
        return self.is_ready and len(self.files) < (1 if is_alone else N_AT_ONCE)

    def give(self, number: int, file: InWork) -> None:
        """Give it a file."""
        self.files[number] = file
        self._send({"file": number, **dataclasses.asdict(file.found)})

    def begin(self, number: int) -> None:
        """Note that it begins a step of a file now."""
        self.files[number].began_s = time.monotonic()

    @property
    def suspects(self) -> list[int]:
        """The files of which one may be why it ended: the one that took too long, or all that it had begun."""
        if self._stuck:
            return [self._stuck_at] if self._stuck_at in self.files else []
        return [number for number, file in self.files.items() if file.began_s < math.inf]

    def end_if_stuck(self) -> None:
        """Kill it if it takes far too long for a file, or sends nothing for as long as all its files may take.

        Some decoders never return from a damaged file.
        """
        now_s = time.monotonic()
        limits_s = {number: file.limit_s(self._per_track) for number, file in self.files.items()}
        for number, limit_s in limits_s.items():
            if now_s - self.files[number].began_s > limit_s:
                self._end_stuck(number, limit_s)
        silence_s = sum(limits_s.values()) if self.is_ready else START_S
        if silence_s and now_s - self._last_s > silence_s:
            self._end_stuck(min(self.files, default=-1), silence_s)

    def _end_stuck(self, number: int, limit_s: float) -> None:
        if not self._stuck:
            self._stuck_at, self._stuck = number, f"took more than {limit_s:.0f} s and was ended"
            self._process.kill()

    def answer(self, message: dict[str, Any], is_known: Callable[[str], bool]) -> Answer | None:
        """Take a message; return the file's answer if it is complete."""
        number = message["file"]
        file = self.files[number]
        file.began_s = math.inf  # its next step may wait for another file
        if "hash" in message:
            file.audio_hash, file.duration_s = message["hash"], message["duration_s"]
            if not is_known(file.audio_hash):
                self._send({"classify": number})
                return None
            self._send({"drop": number})
        del self.files[number]
        return Answer(file.found, file.audio_hash, file.duration_s, message.get("row"), message.get("error", ""))

    def end(self, wait_s: float = 0.0) -> str:
        """Wait so many seconds for the process to end, then kill it; return how it ended, in words."""
        code = None
        try:
            code = self._process.wait(wait_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with contextlib.suppress(OSError):
            if self._process.stdin:
                self._process.stdin.close()
        self._reader.join(timeout=1)  # it may wait for the batcher
        if code is None:
            return "was ended"
        if self._stuck:
            return self._stuck
        return f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
