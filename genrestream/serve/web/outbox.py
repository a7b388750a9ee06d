"""Messages from a thread to one visitor."""

import asyncio
import collections
import contextlib

from genrestream.serve.view import Message

SKIPPABLE = "tick"  # the level and the spectrogram of a moment: nobody misses them later
MAX_WAITING = 50  # messages above which these are left out


class Outbox:
    """A queue from a thread to the server's loop; make it in the loop."""

    def __init__(self):
        self._loop, self._arrived = asyncio.get_running_loop(), asyncio.Event()
        self._waiting: collections.deque[Message | None] = collections.deque()

    def put(self, message: Message) -> None:
        """Add a message, from any thread."""
        if message["type"] == SKIPPABLE and len(self._waiting) > MAX_WAITING:
            return
        self._add(message)

    def end(self) -> None:
        """Say that no more come."""
        self._add(None)

    async def take(self) -> Message | None:
        """Wait for a message, and return it; None after the last."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()

    def _add(self, message: Message | None) -> None:
        self._waiting.append(message)
        with contextlib.suppress(RuntimeError):  # the server has ended
            self._loop.call_soon_threadsafe(self._arrived.set)
