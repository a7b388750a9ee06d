"""The spectrogram of the page: mel bands of what is received, as bytes."""

import numpy as np

from genrestream.audio.downmix import Downmix
from genrestream.audio.resample import Resampler
from genrestream.features.bands import MelBands
from genrestream.features.config import LogMelConfig

SHAPE = LogMelConfig(sample_rate=16_000, n_fft=1024, hop_length=512, n_mels=64, n_samples=48_000, n_frames=90)
COLUMN_S = SHAPE.hop_length / SHAPE.sample_rate
LOWEST_DB, STEP_DB = -100.0, 0.4  # of the byte 0; of one step
MAX_WAITING_S = 5.0  # of sound that nobody took: it is left out


class Spectrogram:
    """Collects blocks, and turns them into columns when they are asked for.

    A column is ``SHAPE.n_mels`` bytes, the lowest band first; a byte b stands for -100 + 0.4 b dB. Columns are 32 ms
    apart.
    """

    def __init__(self):
        self._bands = MelBands(SHAPE)
        self._resampler, self._rest = Resampler(SHAPE.sample_rate), np.zeros(0, np.float32)
        self._blocks: list[np.ndarray] = []
        self._form, self._waiting_s = (0, 0), 0.0
        self._downmix: Downmix | None = None

    def write(self, samples: np.ndarray, sample_rate: int) -> None:
        """Take a block, shape (n_channels, n_samples)."""
        form = (len(samples), sample_rate)
        if form != self._form or self._waiting_s > MAX_WAITING_S:
            self._blocks, self._waiting_s, self._form = [], 0.0, form
            self._downmix = Downmix(*form)
        self._blocks.append(samples)
        self._waiting_s += samples.shape[1] / sample_rate

    def take(self) -> bytes:
        """Return the columns that became ready, one after another."""
        if not self._blocks or self._downmix is None:
            return b""
        block, self._blocks, self._waiting_s = np.concatenate(self._blocks, axis=1), [], 0.0
        mono = self._downmix.push(np.nan_to_num(block, posinf=0.0, neginf=0.0))
        waveform = np.concatenate([self._rest, self._resampler.push(mono, self._form[1])])
        n_columns = max(0, (len(waveform) - SHAPE.n_fft) // SHAPE.hop_length + 1)
        self._rest = waveform[n_columns * SHAPE.hop_length :]
        if not n_columns:
            return b""
        starts = SHAPE.hop_length * np.arange(n_columns)
        power = self._bands(waveform[starts[:, None] + np.arange(SHAPE.n_fft)])
        decibels = 10 * np.log10(np.maximum(power, 1e-10))
        return np.clip((decibels - LOWEST_DB) / STEP_DB, 0, 255).astype(np.uint8).tobytes()

    def close(self) -> None:
        """Do nothing: there is nothing to close."""
