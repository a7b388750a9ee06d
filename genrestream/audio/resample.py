"""From mono blocks of any rate to one waveform at the model's rate."""

import numpy as np
import soxr


class Resampler:
    """Resamples a stream, keeping its state from block to block.

    Args:
        sample_rate: Rate of what comes out, in Hz.
    """

    def __init__(self, sample_rate: int):
        self.sample_rate = sample_rate
        self._rate_in: int | None = None
        self._stream: soxr.ResampleStream | None = None

    def push(self, mono: np.ndarray, sample_rate: int) -> np.ndarray:
        """Take a block and return the samples that became ready.

        Args:
            mono: float32, shape (n_samples,), of any length; ``Conditioner`` has mixed and checked it.
            sample_rate: Its rate in Hz; where it differs from the block before, the stream starts again there.

        Returns:
            float32 samples at the output rate; few or none while the filter fills.
        """
        before = self._switch(sample_rate)
        mono = self._stream.resample_chunk(mono) if self._stream else mono
        return np.concatenate([before, mono]) if len(before) else mono

    def flush(self) -> np.ndarray:
        """Return the samples that the filter still holds, and start again."""
        rest = self._stream.resample_chunk(_NONE, last=True) if self._stream else _NONE
        self._rate_in = self._stream = None
        return rest

    def _switch(self, rate_in: int) -> np.ndarray:
        if rate_in == self._rate_in:
            return _NONE
        rest = self.flush()
        self._rate_in = rate_in
        if rate_in != self.sample_rate:
            self._stream = soxr.ResampleStream(rate_in, self.sample_rate, 1, dtype="float32")
        return rest


_NONE = np.empty(0, np.float32)
