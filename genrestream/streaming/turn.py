"""One thread at a time: a stream has an order, which two threads cannot keep."""

import threading

from genrestream.errors import UsageError


class OneThread:
    """A lock that does not wait: the second thread gets an error at once.

    Args:
        what: What is used, for the error.
    """

    def __init__(self, what: str):
        self._what, self._lock = what, threading.Lock()

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise UsageError(f"{self._what} is in use by another thread; give each thread its own")

    def __exit__(self, *_: object) -> None:
        self._lock.release()
