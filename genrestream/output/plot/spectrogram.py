"""The mel spectrogram behind the picture, in bounded memory: frames that would share a pixel are kept as one column."""

import numpy as np

from genrestream.features.bands import MelBands
from genrestream.features.config import LogMelConfig
from genrestream.features.mel import mel_frequencies

FRAME_S, N_MELS = 0.064, 64
MAX_COLUMNS = 4096
LOWEST_DB, HIGHEST_DB = -90.0, -10.0  # that differ in the picture; a sine of full scale has 0 dB


class Spectrogram:
    """Collects the stream as the network gets it, before it is set to one loudness.

    Attributes:
        width_s: Seconds of a column.
        top_hz: The highest frequency.
    """

    def __init__(self):
        self.width_s, self.top_hz = FRAME_S, 0.0
        self._sums = np.zeros((MAX_COLUMNS, N_MELS), np.float32)
        self._counts = np.zeros(MAX_COLUMNS, np.float32)
        self._rest, self._rest_at_s = np.zeros(0, np.float32), 0.0

    def add(self, at_s: float, waveform: np.ndarray, sample_rate: int) -> None:
        """Take a piece of the stream.

        Args:
            at_s: Where it begins in the stream, in seconds.
            waveform: Shape (n_samples,), -1 to 1.
            sample_rate: Its rate in Hz, always the same.
        """
        if not self.top_hz:
            self._prepare(sample_rate)
        if abs(at_s - self._rest_at_s - len(self._rest) / sample_rate) > FRAME_S:  # after a gap
            self._rest = self._rest[:0]
        if not len(self._rest):
            self._rest_at_s = at_s
        waveform = np.concatenate([self._rest, waveform])
        n_fft, n_frames = self._n_fft, len(waveform) // self._n_fft
        frames = waveform[: n_frames * n_fft].reshape(n_frames, n_fft)
        self._add(self._rest_at_s + FRAME_S * np.arange(n_frames), frames)
        self._rest = waveform[n_frames * n_fft :]
        self._rest_at_s += n_frames * n_fft / sample_rate

    def bands_hz(self) -> np.ndarray:
        """Return the middles of the bands, shape (n_mels,)."""
        return mel_frequencies(N_MELS, self.top_hz)[1:-1]

    def shares(self, start_s: float, end_s: float) -> np.ndarray:
        """Return how loud each band is, 0 to 1 on a scale of dB, shape (n_columns, n_mels); NaN where nothing was."""
        first, last = round(start_s / self.width_s), max(round(start_s / self.width_s) + 1, round(end_s / self.width_s))
        counts = self._counts[first:last, None]
        power = self._sums[first:last] / np.where(counts > 0, counts, np.nan)
        decibels = 10 * np.log10(np.maximum(power, 1e-12))
        return np.clip((decibels - LOWEST_DB) / (HIGHEST_DB - LOWEST_DB), 0, 1)

    def _prepare(self, sample_rate: int) -> None:
        self._n_fft = round(FRAME_S * sample_rate)
        self._bands = MelBands(LogMelConfig(sample_rate=sample_rate, n_fft=self._n_fft, n_mels=N_MELS))
        self.top_hz = sample_rate / 2

    def _add(self, starts_s: np.ndarray, frames: np.ndarray) -> None:
        if not len(frames):
            return
        while (columns := (starts_s / self.width_s + 1e-6).astype(int))[-1] >= MAX_COLUMNS:
            self._widen()
        np.add.at(self._sums, columns, self._bands(frames))
        np.add.at(self._counts, columns, 1)

    def _widen(self) -> None:
        """Make the columns twice as wide."""
        self.width_s *= 2
        for array in (self._sums, self._counts):
            array[: MAX_COLUMNS // 2] = array[::2] + array[1::2]
            array[MAX_COLUMNS // 2 :] = 0
