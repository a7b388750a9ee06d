"""From the threads of the inputs to all who watch: each message is written as JSON once, and waits for slow ones."""

import asyncio
import collections
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from genrestream.serve.view import Message

WAITING = 100  # messages that may wait for one viewer, some seconds


class Viewer:
    """One who watches.

    Args:
        name: The input that is watched; None for all.
    """

    def __init__(self, name: str | None = None):
        self.input, self.n_dropped, self.is_over = name, 0, False
        self._waiting: collections.deque[bytes] = collections.deque(maxlen=WAITING)
        self._arrived = asyncio.Event()

    def put(self, data: bytes) -> None:
        """Take a message; where too many wait, the oldest is dropped and counted."""
        self.n_dropped += len(self._waiting) == WAITING
        self._waiting.append(data)
        self._arrived.set()

    def end(self) -> None:
        """Let the waiting end."""
        self.is_over = True
        self._arrived.set()

    async def take(self, timeout_s: float) -> bytes:
        """Return all messages that wait, none if none comes in time."""
        if not self._waiting and not self.is_over:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._arrived.wait()
            except TimeoutError:
                return b""
        self._arrived.clear()
        data = b"".join(self._waiting)
        self._waiting.clear()
        return data


class Hub:
    """Gives messages to all who watch.

    Attributes:
        n_dropped: Messages that viewers were too slow for; of those that are gone.
    """

    def __init__(self):
        self._loop: asyncio.AbstractEventLoop | None = None
        self._viewers: set[Viewer] = set()
        self.n_dropped, self._is_over = 0, False

    def begin(self) -> None:
        """Begin, in the loop of the server."""
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """Let all viewers go."""
        self._is_over = True
        for viewer in self._viewers:
            viewer.end()

    def publish(self, message: Message) -> None:
        """Give a message to all viewers, from any thread."""
        if self._loop is None or not self._viewers or self._is_over:
            return
        data = as_event(message)
        with suppress(RuntimeError):  # the server has ended
            self._loop.call_soon_threadsafe(self._spread, message.get("input"), data)

    @property
    def n_viewers(self) -> int:
        """How many watch."""
        return len(self._viewers)

    @contextmanager
    def viewer(self, name: str | None) -> Iterator[Viewer]:
        """Watch, until the block ends."""
        viewer = Viewer(name)
        self._viewers.add(viewer)
        viewer.is_over = self._is_over
        try:
            yield viewer
        finally:
            self._viewers.discard(viewer)
            self.n_dropped += viewer.n_dropped

    def _spread(self, name: str | None, data: bytes) -> None:
        for viewer in self._viewers:
            if viewer.input in (None, name):
                viewer.put(data)


def as_event(message: Message) -> bytes:
    """Return a message as a server-sent event."""
    return b"data: " + json.dumps(message, ensure_ascii=False).encode() + b"\n\n"
