"""The level meter of an input: loudness, peak and clipping."""

import math

import numpy as np

SILENT_DB = -120.0  # what exact silence is reported as
FALL_DB_PER_S = 20.0  # how fast the meter falls; it rises at once
FULL_SCALE = 0.999  # louder samples are clipped
CLIPPED_S = 1.0  # for how long the mark stays


class Level:
    """A meter that rises at once and falls slowly.

    Args:
        quiet_db: Loudness under which a block is quiet, in dB below full scale.

    Attributes:
        rms_db: Loudness in dB below full scale.
        peak_db: The loudest sample, in dB below full scale.
        quiet_s: Seconds for which all blocks were weaker than ``quiet_db``.
    """

    def __init__(self, quiet_db: float = -60.0):
        self.rms_db = self.peak_db = SILENT_DB
        self._quiet_db, self.quiet_s = quiet_db, 0.0
        self._since_clip_s = math.inf

    def push(self, samples: np.ndarray, duration_s: float) -> None:
        """Take a block, shape (n_channels, n_samples)."""
        if not samples.size:
            return
        lowest, highest = samples.min(axis=1), samples.max(axis=1)
        is_clipped = max(-lowest.min(), highest.max()) >= FULL_SCALE
        offset = samples.mean(axis=1, dtype=np.float64)  # is no sound
        peak = float(max((offset - lowest).max(), (highest - offset).max()))
        if not math.isfinite(peak):
            return  # the session refuses the block
        powers = np.mean(np.square(samples, dtype=np.float64), axis=1) - np.square(offset)
        rms = math.sqrt(max(0.0, float(powers.mean())))
        self.quiet_s = 0.0 if decibels(rms) >= self._quiet_db else self.quiet_s + duration_s
        fallen_db = FALL_DB_PER_S * duration_s
        self.peak_db = max(decibels(peak), self.peak_db - fallen_db)
        self.rms_db = max(decibels(rms), self.rms_db - fallen_db)
        self._since_clip_s = 0.0 if is_clipped else self._since_clip_s + duration_s

    @property
    def is_clipped(self) -> bool:
        """Whether a sample of the last second was at full scale."""
        return self._since_clip_s < CLIPPED_S


def decibels(amplitude: float) -> float:
    """Return an amplitude in dB below full scale, -120 at the least."""
    return max(SILENT_DB, 20 * math.log10(amplitude)) if amplitude > 0 else SILENT_DB
