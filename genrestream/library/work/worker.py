"""``python -m genrestream.library.work.worker``: a process that decodes and classifies one file after another.

It reads tasks from standard input and writes answers to standard output (see ``wire``)::

    {"file": N, "path", "size", "mtime_ns"}   ->  {"file": N, "hash", "duration_s"}  or  {"file": N, "error"}
                                                  and {"file": N, "at"} before it, as before each step
    {"classify": N}                               ->  {"file": N, "row"}                 or  {"file": N, "error"}
    {"drop": N}                                   the file's audio is known already

It has a network of its own; with ``--batch`` it has none, sends the chunks, and decodes further ones meanwhile::

    {"chunk": M} + samples, float32           <-
    {"logits": M} + logits, float32           ->
"""

import collections
import dataclasses
import itertools
import json
import os
import signal
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, BinaryIO

import numpy as np

from genrestream.errors import AudioError, GenrestreamError
from genrestream.inference import checkpoint, shipped
from genrestream.inference.program import Program
from genrestream.library.table.track import Found
from genrestream.library.work.excerpt import Excerpt
from genrestream.library.work.identity import identify
from genrestream.library.work.settings import WorkerSettings, alone_on_one_core
from genrestream.library.work.wire import receive, send
from genrestream.streaming.config import StreamConfig
from genrestream.streaming.session import Session

N_THREADS = 2  # of a worker that sends its chunks: one file is decoded while another waits for its logits
MAX_AHEAD = 32  # chunks of a file that may wait for their logits; more would only fill memory


def main() -> None:
    """Work until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the scan, which ends this process
    inlet, outlet = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not mix with the messages
    settings = WorkerSettings(**json.loads(sys.argv[1]))
    try:
        with alone_on_one_core():
            worker = _Worker(settings, outlet)
    except GenrestreamError as error:
        send(outlet, {"failed": str(error)})
        return
    worker.run(inlet)


@dataclasses.dataclass(frozen=True)
class _File:
    number: int
    found: Found
    duration_s: float | None


class _Worker:
    def __init__(self, settings: WorkerSettings, outlet: BinaryIO):
        self._settings, self._outlet, self._turn = settings, outlet, threading.Lock()
        model = checkpoint.read(shipped.find(settings.model))
        self._card, self._program = model.card, None
        if not settings.sends_chunks:
            self._program = Program(model, (1,))
            self._program(np.zeros((1, self._card.frontend.n_samples), np.float32))  # the first call compiles
        self._files: dict[int, _File] = {}
        self._chunks: dict[int, Future[np.ndarray]] = {}
        self._numbers = itertools.count()

    def run(self, inlet: BinaryIO) -> None:
        """Take messages until there are no more, then end the process; unfinished files are dropped."""
        self._send({"ready": True})
        tasks = ThreadPoolExecutor(N_THREADS if self._settings.sends_chunks else 1)
        while message := receive(inlet):
            fields, body = message
            if "logits" in fields:
                self._chunks.pop(fields["logits"]).set_result(np.frombuffer(body, np.float32)[None])
            else:
                tasks.submit(self._do, fields)
        os._exit(0)

    def _send(self, fields: dict[str, Any], body: bytes = b"") -> None:
        with self._turn:
            try:
                send(self._outlet, fields, body)
            except OSError:
                os._exit(0)  # the scan is gone

    def _do(self, task: dict[str, Any]) -> None:
        """Do a task; an error becomes the file's answer, and the worker goes on with the next file."""
        if "drop" in task:
            del self._files[task["drop"]]
            return
        number, path = task["file"] if "file" in task else task["classify"], task.get("path", "")
        self._send({"file": number, "at": True})  # if the process dies now, this file may be why
        try:
            if "classify" in task:
                file = self._files.pop(number)
                path = file.found.path
                self._send({"file": number, "row": self._row(file)})
            else:
                audio_hash, duration_s = identify(path)
                self._files[number] = _File(number, Found(path, task["size"], task["mtime_ns"]), duration_s)
                self._send({"file": number, "hash": audio_hash, "duration_s": duration_s})
        except AudioError as error:
            self._send({"file": number, "error": str(error)})
        except MemoryError:
            self._send({"file": number, "error": f"{path}: needs more memory than there is; give fewer --jobs"})
        except Exception as error:  # a decoder's fault with one file must not end the scan
            self._send({"file": number, "error": f"{path}: failed ({type(error).__name__}: {error})"})

    def _row(self, file: _File) -> dict[str, Any]:
        if self._program:
            session = Session.of(self._program, StreamConfig())
            excerpt = Excerpt(file.found, file.duration_s, self._settings.per_track, session)
            for classified in excerpt:
                session.decide(classified, session.infer(classified))
            return excerpt.row()
        sent: collections.deque[Future[np.ndarray]] = collections.deque()
        session = Session(self._card, lambda _: sent.popleft().result(), StreamConfig())
        excerpt = Excerpt(file.found, file.duration_s, self._settings.per_track, session)
        ahead = collections.deque()
        for classified in excerpt:
            if not classified.is_silent:
                sent.append(self._sent(np.float32(classified.gain) * classified.chunk.waveform))
            ahead.append(classified)
            if len(ahead) > MAX_AHEAD:
                session.decide(ahead[0], session.infer(ahead.popleft()))
        while ahead:
            session.decide(ahead[0], session.infer(ahead.popleft()))
        return excerpt.row()

    def _sent(self, samples: np.ndarray) -> "Future[np.ndarray]":
        number, future = next(self._numbers), Future()
        self._chunks[number] = future
        self._send({"chunk": number}, samples.tobytes())
        return future


if __name__ == "__main__":
    main()
