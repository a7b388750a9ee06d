"""Work in a thread of its own, a few items ahead, so that Ctrl-C still gets through and other work goes on meanwhile.

FFmpeg waits in C, where no exception can reach it, so a network stream is opened and read in such a thread.
"""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

T = TypeVar("T")
N_AHEAD = 16  # items that are read before they are asked for
TICK_S = 0.1


def called(function: Callable[[], T]) -> T:
    """Return a function's result; an interrupt leaves it to its thread, which nobody waits for."""
    return next(Ahead(lambda: iter([function()])).items())


class Ahead(Generic[T]):
    """An iterator that runs in a thread of its own, a few items ahead.

    Args:
        begin: Returns the iterator; called in the thread.

    Attributes:
        is_stopped: Whether nobody reads any more; the thread then ends after its next item.
    """

    def __init__(self, begin: Callable[[], Iterator[T]]):
        self._begin = begin
        self._queue: queue.Queue[tuple[str, Any]] = queue.Queue(N_AHEAD)
        self._is_started = False
        self.is_stopped = False

    def start(self) -> None:
        """Start the thread, if it is not started yet."""
        if not self._is_started:
            self._is_started = True
            threading.Thread(target=self._run, name="source", daemon=True).start()

    def stop(self, error: Exception) -> None:
        """Let the thread end after what it does now; who reads on gets this error."""
        self.is_stopped = True
        with contextlib.suppress(queue.Empty):
            while True:
                self._queue.get_nowait()
        with contextlib.suppress(queue.Full):  # then there is an item to read, and the thread adds no more
            self._queue.put_nowait(("error", error))

    def items(self) -> Iterator[T]:
        """Yield what the iterator yields; whatever it raises is raised here."""
        self.start()
        try:
            while True:
                kind, item = self._queue.get()
                if kind == "end":
                    return
                if kind == "error":
                    raise item
                yield item
        finally:
            self.is_stopped = True

    def _run(self) -> None:
        try:
            for item in self._begin():
                if not self._put("item", item):
                    return
            self._put("end", None)
        except BaseException as error:  # it is the reader's
            self._put("error", error)

    def _put(self, kind: str, item: Any) -> bool:
        """Hand on an item when there is room for it; return False where nobody reads any more."""
        while not self.is_stopped:
            try:
                self._queue.put((kind, item), timeout=TICK_S)
            except queue.Full:
                continue
            return True
        return False
