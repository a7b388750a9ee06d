"""Chunks that overlap: what was computed for one serves the next, whose network sees new frames and its edges alone.

MusiCNN's front does most of the work, and its responses at a frame depend on the frames around it only. So the next
chunk takes them over, except where their reach touches new frames or one of the chunk's ends. The result is the same
as that of the whole chunk, up to rounding. In the other networks pooling or recurrence ties all frames together.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from genrestream.features.config import LogMelConfig, PairConfig
from genrestream.inference.card import Card

REUSING = ("musicnn", "musicnn_yamnet")  # networks with ``front_maps`` and ``next_maps``

Kept = Any  # log-mel spectrogram and front maps of a chunk, on the device
Answer = tuple[np.ndarray, Kept]


class Overlap:
    """The work on one stream's last chunk, and the function for the next one. For one thread at a time.

    Args:
        frame: Samples from one frame of the spectrogram to the next one.
        n_new: How many frames at the most are new in a chunk that can take over earlier work.
        whole: From a chunk, shape (1, n_samples), to its logits and the work to keep.
        following: The same from a chunk, the earlier chunk's work, and how many frames later it starts.

    Attributes:
        grid: Samples of a frame; chunks must start on one for the work to be of use.
    """

    def __init__(
        self,
        frame: int,
        n_new: int,
        whole: Callable[[np.ndarray], Answer],
        following: Callable[[np.ndarray, Kept, int], Answer],
    ):
        self.grid, self._n_new, self._whole, self._following = frame, n_new, whole, following
        self._kept: Kept = None
        self._start, self._gain = 0, 0.0

    def __call__(self, chunk: np.ndarray, start: int, gain: float, is_complete: bool) -> np.ndarray:
        """Return a chunk's logits, shape (1, n_outputs).

        Args:
            chunk: Shape (1, n_samples), before the gain.
            start: Its first sample's place in the stream.
            gain: Its factor; earlier work was done with a factor of its own.
            is_complete: Whether all of it is of the stream, nothing repeated.
        """
        shift, rest = divmod(start - self._start, self.grid)
        chunk = np.float32(gain) * chunk
        if self._kept is not None and is_complete and gain == self._gain and not rest and 0 < shift <= self._n_new:
            logits, self._kept = self._following(chunk, self._kept, shift)
        else:
            logits, self._kept = self._whole(chunk)
        self._start, self._gain = start, gain
        return logits

    def reset(self) -> None:
        """Forget the last chunk."""
        self._kept = None


def log_mel_config(card: Card) -> LogMelConfig | None:
    """Return the spectrogram of a network whose work serves the next chunk; None of other networks."""
    frontend = card.frontend.first if isinstance(card.frontend, PairConfig) else card.frontend
    if card.model not in REUSING or type(frontend) is not LogMelConfig or frontend.causal:
        return None
    return frontend


def reused_config(card: Card, hop: int) -> LogMelConfig | None:
    """Return the spectrogram of a network that can use earlier work at this hop, in samples; else None."""
    config = log_mel_config(card)
    return config if config and 2 * hop <= config.n_samples else None
