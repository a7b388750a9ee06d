"""A queue and a thread for one receiver: a slow or dead one never slows listening."""

import collections
import contextlib
import threading
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from genrestream.errors import OutputError, first_line

FIRST_RETRY_S, LAST_RETRY_S = 0.5, 4.0
CLOSING_S = 3.0

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class Receiver(Protocol[T_contra]):
    """Who is sent messages.

    Attributes:
        name: Its name, for messages; without a password.
        limit: Messages that may wait for it; when there are more, the oldest goes.
        tries: How often one message is tried before it is given up.
    """

    name: str
    limit: int
    tries: int

    def send(self, message: T_contra) -> None:
        """Deliver a message, in finite time.

        Raises:
            OutputError: It was not delivered; to try again may help.
            RefusedError: It was not delivered, and to try again is of no use.
        """

    def close(self) -> None:
        """Disconnect; also ends a ``send`` that is under way, where that is possible."""


class RefusedError(OutputError):
    """A receiver wants no such message, so that to try it again is of no use."""


class Sender(Generic[T]):
    """Delivers messages from a thread of its own.

    Args:
        receiver: Who is sent messages.
        report: Takes a line when deliveries begin to fail, and when they work again.
        title: What the receiver is called in these lines; ``--to NAME`` where None.

    Attributes:
        n_sent: Messages delivered.
        n_dropped: Messages that were not: given up, or too many waited.
        problem: Why the last delivery failed; empty where it did not.
    """

    def __init__(
        self, receiver: Receiver[T], report: Callable[[str], None] = lambda line: None, title: str | None = None
    ):
        self.name, self._title = receiver.name, title or f"--to {receiver.name}"
        self.n_sent = self.n_dropped = 0
        self.problem = ""
        self._receiver, self._report = receiver, report
        self._waiting: collections.deque[T] = collections.deque()
        self._changed = threading.Condition()
        self._closes_at_s: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"to {self.name}", daemon=True)
        self._thread.start()

    def put(self, message: T) -> None:
        """Take a message without waiting; where too many wait, the oldest is dropped and counted."""
        with self._changed:
            self._waiting.append(message)
            while len(self._waiting) > self._receiver.limit:
                self._waiting.popleft()
                self.n_dropped += 1
            self._changed.notify()

    def end(self) -> None:
        """Begin to end: what waits is delivered, for at most three seconds."""
        with self._changed:
            self._closes_at_s = self._closes_at_s or time.monotonic() + CLOSING_S
            self._changed.notify()

    def close(self) -> None:
        """End; what could not be delivered in time is dropped and counted."""
        self.end()
        self._thread.join(CLOSING_S)
        with contextlib.suppress(OutputError):
            self._receiver.close()
        self._thread.join(0.5)  # a delivery that was under way was ended
        with self._changed:
            self.n_dropped += len(self._waiting) + self._thread.is_alive()
            self._waiting.clear()

    @property
    def summary(self) -> str:
        """What was lost, in words; empty where nothing was."""
        if not self.n_dropped:
            return ""
        n_all = self.n_sent + self.n_dropped
        why = self.problem or "it is too slow"
        return f"{self._title}: {self.n_dropped} of {n_all} messages were dropped ({why})"

    def _run(self) -> None:
        while (message := self._next()) is not None:
            self._deliver(message)

    def _next(self) -> T | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closes_at_s is not None)
            return self._waiting.popleft() if self._waiting and not self._is_late(0) else None

    def _deliver(self, message: T) -> None:
        retry_s = FIRST_RETRY_S
        for left in reversed(range(self._receiver.tries)):
            try:
                self._receiver.send(message)
            except Exception as error:  # a bug here must not end what else is sent
                self._failed(first_line(error))
                if not left or isinstance(error, RefusedError) or not self._waits(retry_s):
                    self.n_dropped += 1
                    return
                retry_s = min(2 * retry_s, LAST_RETRY_S)
            else:
                self._worked()
                return

    def _waits(self, retry_s: float) -> bool:
        """Wait before another try; return False if it would come after the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closes_at_s is not None, retry_s)
            if self._is_late(retry_s):
                return False
            self._changed.wait(retry_s if self._closes_at_s is not None else 0)
            return True

    def _is_late(self, more_s: float) -> bool:
        return self._closes_at_s is not None and time.monotonic() + more_s > self._closes_at_s

    def _failed(self, why: str) -> None:
        if why != self.problem:
            self.problem = why
            self._report(f"{self._title}: {why}")

    def _worked(self) -> None:
        self.n_sent += 1
        if self.problem:
            self._report(f"{self._title}: works again; {self.n_dropped} messages were dropped so far")
            self.problem = ""
