"""One model for all who listen at once, in fair turns."""

import collections
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from genrestream.inference import checkpoint, shipped
from genrestream.inference.program import Program
from genrestream.streaming.config import StreamConfig
from genrestream.streaming.session import Session


class Turns:
    """A lock that is given in the order in which it was asked for, so that nobody waits longer than one chunk each."""

    def __init__(self):
        self._guard, self._is_taken = threading.Lock(), False
        self._waiting: collections.deque[threading.Event] = collections.deque()

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Wait for a turn, and have it until the block ends."""
        mine = threading.Event()
        with self._guard:
            if self._is_taken:
                self._waiting.append(mine)
            else:
                self._is_taken = True
                mine.set()
        mine.wait()
        try:
            yield
        finally:
            with self._guard:
                if self._waiting:
                    self._waiting.popleft().set()
                else:
                    self._is_taken = False


class SharedModel:
    """A loaded model for any number of threads.

    Args:
        model: The model.

    Attributes:
        card: Its card.
    """

    def __init__(self, model: checkpoint.Checkpoint):
        self.card, self._program = model.card, Program(model, (1,), Turns().one)

    def session(self, config: StreamConfig, source: str = "stream") -> Session:
        """Return a session of a stream."""
        return Session.of(self._program, config, source)


def load(name: str | Path) -> SharedModel:
    """Load a model.

    Raises:
        UsageError: Nothing has that name.
        CheckpointError: The folder is missing, foreign, damaged or from a newer version.
    """
    return SharedModel(checkpoint.read(shipped.find(name)))
