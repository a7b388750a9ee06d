"""Stateful networks: each chunk of a stream goes on where the one before ended, and only its new samples are computed.

The state is one array on the device: what the front end and the network's layers need of the past, flattened. Steps of
any size give the answer of one pass over all samples since the state began, up to rounding.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from genrestream.inference.overlap import Overlap

SHORT_GAP_S = 2.0  # up to this the music goes on after a gap

Carry = Any  # the state, on the device
Answer = tuple[np.ndarray, Carry]


class Carried:
    """The state of one stream, and the functions that go on from it. For one thread at a time.

    It begins anew after silence (``reset``) and after a gap of more than ``SHORT_GAP_S``.

    Args:
        step: Samples of a step; a chunk is a multiple of it.
        n_gap: Samples that a gap may have for the music to go on.
        whole: From a chunk at the beginning of a stream, shape (1, n_samples), to its logits and the state after it.
        following: The same from the samples of a step, shape (1, step), and the state before them.

    Attributes:
        grid: Chunks must start on multiples of so many samples, counted from one another.
    """

    def __init__(
        self,
        step: int,
        n_gap: int,
        whole: Callable[[np.ndarray], Answer],
        following: Callable[[np.ndarray, Carry], Answer],
    ):
        self.grid, self._n_gap, self._whole, self._following = step, n_gap, whole, following
        self._carry: Carry = None
        self._end = 0  # of what was heard, in samples of the stream

    def __call__(self, chunk: np.ndarray, start: int, gain: float, is_complete: bool) -> np.ndarray:
        """Return the logits after a chunk, shape (1, n_outputs).

        Args:
            chunk: Shape (1, n_samples), before the gain.
            start: Its first sample's place in the stream.
            gain: Its factor.
            is_complete: Whether all of it is of the stream; what is repeated is heard again.
        """
        n_samples = chunk.shape[1]
        chunk = np.float32(gain) * chunk
        if self._carry is None or start - self._end > self._n_gap:
            logits, self._carry = self._whole(chunk)
        else:
            logits = np.empty(0)
            for first in range(max(0, self._end - start), n_samples, self.grid):
                logits, self._carry = self._following(chunk[:, first : first + self.grid], self._carry)
        self._end = start + n_samples
        return logits

    def reset(self) -> None:
        """Forget all: what comes does not belong to what was."""
        self._carry = None


InOrder = Overlap | Carried
