"""Augmentation of waveforms, in NumPy: other masterings, codecs, rooms, microphones and players of the same music.

It runs in the input pipeline; shapes and labels stay the same, and samples stay within -1 to 1.
"""

import numpy as np

from genrestream.audio.chunks import MIN_PIECE_S
from train.augment import distort
from train.augment.config import AugmentConfig

HEADROOM = 0.1  # the factor that keeps intermediate steps from clipping


def augmented(waveform: np.ndarray, sample_rate: int, rng: np.random.Generator, config: AugmentConfig) -> np.ndarray:
    """Return a changed waveform, float32, of the same shape; ``Warp`` has changed pitch and tempo before.

    Args:
        waveform: float32, shape (n_samples,), -1 to 1.
        sample_rate: Samples a second.
        rng: Draws the changes.
        config: The changes and their strength.
    """
    if not config.changes_waveform:
        return waveform
    n_samples = len(waveform)
    waveform = HEADROOM * waveform
    if config.equalise_db and rng.random() < config.share:
        low_db, high_db = rng.uniform(-config.equalise_db, config.equalise_db, 2)
        waveform = distort.equalise(waveform, sample_rate, rng, low_db=low_db, high_db=high_db)
    if rng.random() < config.distort:
        waveform = CHANNELS[rng.integers(len(CHANNELS))](waveform, sample_rate, rng)
    if rng.random() < config.noise:
        snr_db, is_pink = rng.uniform(*config.noise_snr_db), bool(rng.integers(2))
        waveform = distort.noise(waveform, sample_rate, rng, snr_db=snr_db, is_pink=is_pink)
    if rng.random() < config.codec:
        waveform = _coded(waveform, sample_rate, rng)
    if rng.random() < config.shorten:
        waveform = waveform[: round(rng.uniform(min(n_samples, MIN_PIECE_S * sample_rate), n_samples))]
    return np.resize(_amplified(waveform, rng.uniform(-config.gain_db, config.gain_db)), n_samples)


def as_loud_as(waveform: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """Return a changed waveform with the power that it had before.

    A stream brings all sound to one loudness, so a change of it must not be learnt.
    """
    before, after = float(np.mean(np.square(waveform))), float(np.mean(np.square(changed)))
    return changed * np.float32(np.sqrt(before / max(after, 1e-12)))


def _amplified(waveform: np.ndarray, gain_db: float) -> np.ndarray:
    """Undo the headroom and change the level; peaks stay within -1 to 1."""
    peak = float(np.abs(waveform).max(initial=0))
    return waveform * np.float32(min(10 ** (gain_db / 20) / HEADROOM, 1 / max(peak, 1e-9)))


def _narrowed(waveform: np.ndarray, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Cut the treble, as old recordings and low bit rates do, and often the bass, as small speakers do."""
    high_hz = float(np.exp(rng.uniform(np.log(2_500), np.log(sample_rate / 2))))
    low_hz = float(rng.choice([0.0, rng.uniform(40, 400)]))
    return distort.band_limit(waveform, sample_rate, rng, high_hz=high_hz, low_hz=low_hz)


def _in_a_room(waveform: np.ndarray, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    return distort.room(waveform, sample_rate, rng, rt60_s=rng.uniform(0.1, 1.0))


def _overdriven(waveform: np.ndarray, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Clip the peaks, as a microphone too close to the source does."""
    peak = max(float(np.abs(waveform).max(initial=0)), 1e-9)
    return distort.gain(waveform / peak, sample_rate, rng, gain_db=rng.uniform(0, 12)) * np.float32(peak)


def _coded(waveform: np.ndarray, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    name, bit_rate = CODECS[rng.integers(len(CODECS))], 1000 * int(rng.integers(24, 129))
    return distort.codec(waveform, sample_rate, rng, name=name, bit_rate=bit_rate)


CODECS: tuple[distort.Codec, ...] = ("mp3", "aac", "opus")
CHANNELS = (_narrowed, _in_a_room, _overdriven)
