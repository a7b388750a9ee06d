"""The workers of a scan, as seen by the scan: files in, answers out, and a dead worker replaced."""

import contextlib
import itertools
import queue
from collections.abc import Callable, Iterator
from typing import Any

from genrestream.library.table.track import Found
from genrestream.library.work.batcher import Batcher
from genrestream.library.work.process import Answer, InWork, Process
from genrestream.library.work.settings import WorkerError, WorkerSettings

MAX_DEATHS = 3  # in a row, of workers that have files and began none
CHECK_S = 1.0  # from one look at silent workers to the next


class Pool:
    """A number of workers.

    Args:
        settings: Their settings.
        n_workers: How many.
        batcher: Takes their chunks if they have no network of their own.
    """

    def __init__(self, settings: WorkerSettings, n_workers: int, batcher: Batcher | None = None):
        self._settings, self._batcher = settings, batcher
        self._messages: queue.SimpleQueue[tuple[Process, dict[str, Any] | None]] = queue.SimpleQueue()
        self._workers: list[Process] = []
        self._n_workers = n_workers
        self._failure: BaseException | None = None
        self._n_deaths = 0

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.end()

    @property
    def pids(self) -> list[int]:
        """The processes' numbers."""
        return [worker.pid for worker in self._workers]

    def fail(self, error: BaseException) -> None:
        """End the run with this error, which the network raised."""
        self._failure = error
        self._messages.put((_NOBODY, None))

    def answers(self, files: Iterator[Found], is_known: Callable[[str], bool]) -> Iterator[Answer]:
        """Yield an answer for each file, in the order in which they are ready.

        Args:
            files: The files; read as workers become free.
            is_known: Whether there is a row already for this digest, so that the file need not be classified.

        Raises:
            WorkerError: The workers cannot be started, or die before they begin a file.
            GenrestreamError: The network failed.
        """
        left = _Left(files)
        self._n_deaths = -len(self._workers)  # one that died since the last call, without a file, does not count
        if not self._workers and left.has_more():
            self._begin()
        while left.has_more() or any(worker.files for worker in self._workers):
            for worker in self._workers:
                while left.has_more() and worker.has_place(left.is_next_alone):
                    worker.give(*left.take())
            if answer := self._next_answer(left, is_known):
                self._n_deaths = 0
                yield answer

    def _next_answer(self, left: "_Left", is_known: Callable[[str], bool]) -> Answer | None:
        """Take one message of a worker; return the answer on a file if it completes one."""
        worker, message = self._next_message()
        if self._failure:
            raise self._failure
        if worker not in self._workers:
            return None  # from a worker that was replaced meanwhile
        if message is None:
            return self._died(worker, left)
        if "ready" in message:
            worker.is_ready = True
            while len(self._workers) < self._n_workers:
                self._begin()
            return None
        if "at" in message:
            worker.begin(message["file"])
            return None
        return worker.answer(message, is_known)

    def _next_message(self) -> tuple[Process, dict[str, Any] | None]:
        while True:
            for worker in self._workers if self._messages.empty() else ():  # a message that waits is a sign of life
                worker.end_if_stuck()
            with contextlib.suppress(queue.Empty):
                return self._messages.get(timeout=CHECK_S)

    def _begin(self) -> None:
        """Start a worker. The first one may compile the model, which the others then find in the cache."""
        self._workers.append(Process(self._settings, self._messages, self._batcher))

    def _died(self, worker: Process, left: "_Left") -> Answer | None:
        """Replace a worker that ended; the file that it was at gets an error, the others are given out again.

        If it was at several, nobody knows which one it was: each is given out again, and taken alone.
        """
        reason = worker.end(wait_s=5.0)  # it closed its pipe, so it is ending
        self._workers.remove(worker)
        if not worker.is_ready:
            raise WorkerError(worker.failure or f"a worker process {reason} before it was ready; give fewer --jobs")
        suspects = worker.suspects
        self._n_deaths += bool(worker.files) and not suspects
        if self._n_deaths == MAX_DEATHS:
            line = f"{MAX_DEATHS} worker processes in a row ended before they began a file, the last one {reason}"
            raise WorkerError(f"{line}; free memory or processes, or give fewer --jobs")
        self._begin()
        file = worker.files.pop(suspects[0]) if len(suspects) == 1 else None
        for number, other in worker.files.items():
            left.give_back(other.found, other.is_alone or number in suspects)
        if file is None:
            return None
        line = f"{file.found.path}: the process that decoded it {reason}; scan with --retry to try it again"
        return Answer(file.found, file.audio_hash, file.duration_s, error=line)


class _Left:
    """The files that no worker has yet, numbered."""

    def __init__(self, files: Iterator[Found]):
        self._files, self._again, self._numbers = files, list[InWork](), itertools.count()

    def has_more(self) -> bool:
        """Whether there is another one."""
        if not self._again and (one := next(self._files, None)):
            self._again.append(InWork(one))
        return bool(self._again)

    @property
    def is_next_alone(self) -> bool:
        """Whether the next one must be a worker's only one."""
        return self._again[-1].is_alone

    def take(self) -> tuple[int, InWork]:
        """Return the next one and its number."""
        return next(self._numbers), self._again.pop()

    def give_back(self, found: Found, is_alone: bool) -> None:
        """Take a file back whose worker died."""
        self._again.append(InWork(found, is_alone))


_NOBODY: Any = object()
