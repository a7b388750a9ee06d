"""The bounded queue between a source of audio (a device, or a file in real time) and the listener."""

import collections
import dataclasses
import threading
import time

import numpy as np

LIMIT_S = 6.0  # two chunks, so that a whole chunk still waits after blocks are dropped


@dataclasses.dataclass(frozen=True, eq=False)
class Block:
    """A block of audio from a device or file.

    Attributes:
        samples: float32, shape (n_channels, n_samples), -1 to 1.
        sample_rate: Its rate in Hz.
        captured_s: When its last sample was recorded, in seconds of ``time.monotonic``.
        lost_s: Seconds of the stream that are missing before it.
        title: What a radio station says is playing.
    """

    samples: np.ndarray
    sample_rate: int
    captured_s: float
    lost_s: float = 0.0
    title: str = ""

    @property
    def duration_s(self) -> float:
        """Its length in seconds."""
        return self.samples.shape[1] / self.sample_rate


class Feed:
    """A queue of blocks; one thread puts, another gets.

    Args:
        limit_s: Seconds of audio that may wait.

    Attributes:
        n_dropped: Blocks dropped because the queue was full.
        n_overflows: Times that the device itself lost samples.
        connected: Whether the source is there, even if it is silent.
        notice: A message on why the source is gone, or that it is back.
        is_over: Whether no more blocks will be put.
        error: The error that ended it, if there was one.
        began_s: From when on blocks are expected, in seconds of ``time.monotonic``; the time of its making, or later.
        last_put_s: When the last block was put, in seconds of ``time.monotonic``; None before the first.
    """

    def __init__(self, limit_s: float = LIMIT_S):
        self.limit_s = limit_s
        self.n_dropped = self.n_overflows = 0
        self.connected, self.notice = True, ""
        self.is_over = False
        self.error: Exception | None = None
        self._blocks: collections.deque[Block] = collections.deque()
        self._waiting_s = 0.0
        self._lost_s = 0.0
        self.last_put_s: float | None = None
        self.began_s = time.monotonic()
        self._changed = threading.Condition()

    def put(self, block: Block) -> None:
        """Add a block without waiting; where the queue is full, drop the oldest and count it."""
        with self._changed:
            self._append(block)
            while self._waiting_s > self.limit_s and len(self._blocks) > 1:
                oldest = self._pop()
                self._lost_s += oldest.lost_s + oldest.duration_s
                self.n_dropped += 1

    def put_waiting(self, block: Block) -> bool:
        """Add a block when there is room for it; return False if the feed ended meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: self.is_over or self._waiting_s < self.limit_s)
            if not self.is_over:
                self._append(block)
            return not self.is_over

    def get(self, timeout_s: float) -> Block | None:
        """Take the oldest block; return None if none arrives in time or the feed is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._blocks or self.is_over, timeout_s)
            if not self._blocks:
                return None
            block, lost_s = self._pop(), self._lost_s
            self._lost_s = 0.0
            self._changed.notify_all()
            return dataclasses.replace(block, lost_s=block.lost_s + lost_s) if lost_s else block

    def end(self, error: Exception | None = None) -> None:
        """End the feed: no more blocks will be put. Give the error that ended it, if there was one."""
        with self._changed:
            self.is_over, self.error = True, self.error or error
            self._changed.notify_all()

    @property
    def waiting_s(self) -> float:
        """Seconds of audio in the queue."""
        return self._waiting_s

    @property
    def quiet_s(self) -> float:
        """Seconds since the last block was put, or since blocks are expected."""
        return time.monotonic() - (self.last_put_s or self.began_s)

    def _append(self, block: Block) -> None:
        self._blocks.append(block)
        self._waiting_s += block.duration_s
        self.last_put_s = time.monotonic()
        self._changed.notify_all()

    def _pop(self) -> Block:
        block = self._blocks.popleft()
        self._waiting_s = max(0.0, self._waiting_s - block.duration_s) if self._blocks else 0.0
        return block
