"""The updates of several live runs as one stream, each run in a thread of its own."""

import dataclasses
import queue
import threading
from collections.abc import Iterator, Sequence

from genrestream.live.listener import Update
from genrestream.live.live_stream import LiveStream
from genrestream.streaming.status import Status

N_WAITING = 64  # updates; while nobody takes them the runs wait, and their feeds drop and count blocks
TICK_S = 0.1


def together(runs: Sequence[LiveStream]) -> Iterator[tuple[LiveStream, Update | None]]:
    """Yield each run's updates with the run, and None when it has ended; one that ends does not end the others.

    Args:
        runs: The runs; a single one needs no thread.

    Raises:
        Exception: What the loop of a run raises.
    """
    if len(runs) == 1:
        for update in runs[0].updates():
            yield runs[0], update
        yield runs[0], None
        return
    updates: queue.Queue[tuple[LiveStream, Update | BaseException | None]] = queue.Queue(N_WAITING)
    stopping = threading.Event()
    threads = [threading.Thread(target=_run, args=[run, updates, stopping], daemon=True) for run in runs]
    for thread in threads:
        thread.start()
    try:
        n_left = len(runs)
        while n_left:
            run, update = updates.get()
            if isinstance(update, BaseException):
                raise update
            n_left -= update is None
            yield run, update
    finally:
        stopping.set()


def _run(run: LiveStream, updates: queue.Queue, stopping: threading.Event) -> None:
    last: Update | BaseException | None = None
    try:
        for update in run.updates():
            # The run goes on changing its status.
            if not _put(
                updates, (run, dataclasses.replace(update) if isinstance(update, Status) else update), stopping
            ):
                return
    except BaseException as error:  # it is the reader's
        last = error
    _put(updates, (run, last), stopping)


def _put(
    updates: queue.Queue, item: tuple[LiveStream, Update | BaseException | None], stopping: threading.Event
) -> bool:
    """Hand on an update when there is room; return False where nobody reads any more."""
    while not stopping.is_set():
        try:
            updates.put(item, timeout=TICK_S)
        except queue.Full:
            continue
        return True
    return False
