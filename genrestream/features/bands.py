"""Powers of mel bands for pictures, in NumPy: the front ends of networks are in ``mel``."""

import numpy as np

from genrestream.features.config import LogMelConfig
from genrestream.features.mel import mel_filters


class MelBands:
    """The mean power of each band's bins, where a sine of full scale has 1 in its bin.

    Args:
        config: Rate, length of a frame and number of bands.
    """

    def __init__(self, config: LogMelConfig):
        filters = mel_filters(config)
        self._filters = filters / np.maximum(filters.sum(axis=0), 1e-9)
        window = np.hanning(config.n_fft + 1)[:-1]
        self._window = (2 / window.sum() * window).astype(np.float32)

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Return the powers of frames, shape (n_frames, n_fft), as (n_frames, n_mels)."""
        spectrum = np.fft.rfft(frames * self._window)
        return (np.square(spectrum.real) + np.square(spectrum.imag)) @ self._filters
