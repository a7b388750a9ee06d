"""From blocks of any rate and channel count to one mono waveform at the model's rate."""

import numpy as np
import soxr

from genrestream.errors import AudioError

LOUDEST = 100.0  # 40 dB over full scale is no audio: another format, or integers as floats


class Resampler:
    """Mixes to mono by the mean and resamples, keeping its state from block to block.

    Args:
        sample_rate: Rate of what comes out, in Hz.
    """

    def __init__(self, sample_rate: int):
        self.sample_rate = sample_rate
        self._rate_in: int | None = None
        self._stream: soxr.ResampleStream | None = None

    def push(self, block: np.ndarray, sample_rate: int) -> np.ndarray:
        """Take a block and return the samples that became ready.

        Args:
            block: float32 samples, shape (n_channels, n_samples), of any length.
            sample_rate: Its rate in Hz; where it differs from the block before, the stream starts anew there.

        Returns:
            Mono float32 samples at the output rate; few or none while the filter fills.

        Raises:
            AudioError: A sample is NaN, infinite or far beyond full scale.
        """
        mono = block.mean(axis=0, dtype=np.float32)
        if not np.isfinite(mono).all():
            raise AudioError("a sample is NaN or infinite; decode or record it again")
        if (peak := np.abs(mono).max(initial=0)) > LOUDEST:
            raise AudioError(f"a sample is {peak:g}, full scale is 1; give floats from -1 to 1, or integers")
        before = self._switch(sample_rate)
        mono = self._stream.resample_chunk(mono) if self._stream else mono
        return np.concatenate([before, mono]) if len(before) else mono

    def flush(self) -> np.ndarray:
        """Return the samples that the filter still holds, and start anew."""
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
