"""Waiting for what may never come, such as a server or a pipe, so that Ctrl-C still gets through.

FFmpeg waits in C, where no exception can reach it, so a network stream is opened and read in a thread of its own.
"""

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")
N_AHEAD = 16  # items that are read before they are asked for


def called(function: Callable[[], T]) -> T:
    """Return a function's result; an interrupt leaves it to its thread, which nobody waits for."""
    return next(iterated(lambda: iter([function()])))


def iterated(begin: Callable[[], Iterator[T]]) -> Iterator[T]:
    """Yield what an iterator yields in a thread of its own; whatever it raises is raised here."""
    items: queue.Queue[tuple[str, Any]] = queue.Queue(N_AHEAD)
    stopped = threading.Event()

    def put(kind: str, item: Any) -> bool:
        while not stopped.is_set():
            try:
                items.put((kind, item), timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def run() -> None:
        try:
            for item in begin():
                if not put("item", item):
                    return
            put("end", None)
        except BaseException as error:  # it is the reader's
            put("error", error)

    threading.Thread(target=run, name="source", daemon=True).start()
    try:
        while True:
            kind, item = items.get()
            if kind == "end":
                return
            if kind == "error":
                raise item
            yield item
    finally:
        stopped.set()
