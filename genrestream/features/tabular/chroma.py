"""Chroma and the tuning that it needs, equal to ``librosa.feature.chroma_stft`` with its defaults."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from genrestream.features.tabular.medians import median
from genrestream.features.tabular.stft import N_BINS, N_FFT

N_CHROMA = 12
N_TUNINGS = 100  # steps of a hundredth of a semitone
PITCH_HZ = (150.0, 4000.0)  # range of pitches
PITCH_THRESHOLD = 0.1  # times the frame's largest bin
CENTRE_OCTAVE, OCTAVE_WIDTH = 5.0, 2.0  # the filters' weight over octaves


def chroma(power: Float[Array, "batch n_frames n_bins"], sample_rate: int) -> Float[Array, "batch n_frames 12"]:
    """Return each frame's energy by pitch class from C, its largest 1."""
    filters = jax.vmap(lambda tuning: chroma_filters(tuning, sample_rate))(tuning(power, sample_rate))
    energy = jnp.einsum("bcf,btf->btc", filters, power, precision=jax.lax.Precision.HIGHEST)
    largest = energy.max(axis=-1, keepdims=True)
    return energy / jnp.where(largest < np.finfo(np.float32).tiny, 1, largest)


def tuning(power: Float[Array, "batch n_frames n_bins"], sample_rate: int) -> Float[Array, " batch"]:
    """Return how far the music's tuning is from A = 440 Hz, -0.5 to 0.49 semitones (``librosa.estimate_tuning``)."""
    pitch_hz, height, is_peak = _peaks(power, sample_rate)
    n_peaks = is_peak.sum(axis=-1)
    is_high = is_peak & (height >= median(jnp.where(is_peak, height, jnp.inf), n_peaks)[:, None])
    semitones = N_CHROMA * jnp.log2(jnp.where(is_high, pitch_hz, 440) / (440 / 16))
    off = semitones - jnp.round(semitones)
    place = jnp.clip(jnp.floor((off + 0.5) * N_TUNINGS), 0, N_TUNINGS - 1).astype(jnp.int32)
    # A histogram over tens and units, as a product of one-hot arrays: a scatter is slow on a CPU.
    tens, units = (jax.nn.one_hot(digit, 10) for digit in (place // 10, place % 10))
    counts = jnp.einsum("bnt,bnu->btu", tens * is_high[..., None], units).reshape(len(power), N_TUNINGS)
    return jnp.where(n_peaks > 0, jnp.asarray(_tunings())[counts.argmax(axis=-1)], 0)


def _tunings() -> np.ndarray:
    return np.linspace(-0.5, 0.5, N_TUNINGS + 1)[:-1].astype(np.float32)


def _peaks(
    power: Float[Array, "batch n_frames n_bins"], sample_rate: int
) -> tuple[Float[Array, "batch n"], Float[Array, "batch n"], Bool[Array, "batch n"]]:
    """Return pitch in Hz, height and whether it is a peak, of all bins in range (``librosa.piptrack``)."""
    bins_hz = np.fft.rfftfreq(N_FFT, 1 / sample_rate)
    low, high = np.searchsorted(bins_hz, PITCH_HZ)
    high = min(high, N_BINS - 1)
    below, here, above = power[..., low - 1 : high - 1], power[..., low:high], power[..., low + 1 : high + 1]
    floor = PITCH_THRESHOLD * power.max(axis=-1, keepdims=True)
    # librosa first sets bins below the threshold to zero, so only the peak itself must be above it.
    is_peak = (here > floor) & (here > below) & (here >= above)
    slope, bend = 0.5 * (above - below), above + below - 2 * here
    shift = jnp.where(jnp.abs(slope) >= jnp.abs(bend), 0, -slope / jnp.where(bend == 0, 1, bend))
    pitch_hz = (jnp.arange(low, high, dtype=jnp.float32) + shift) * (sample_rate / N_FFT)
    height = here + 0.5 * slope * shift
    flat = (len(power), -1)
    return pitch_hz.reshape(flat), height.reshape(flat), is_peak.reshape(flat)


def chroma_filters(tuning: Float[Array, ""], sample_rate: int) -> Float[Array, "12 n_bins"]:
    """Return the weight of each bin in each pitch class from C (``librosa.filters.chroma``).

    Args:
        tuning: Distance from A = 440 Hz in semitones.
        sample_rate: In Hz.
    """
    semitones = N_CHROMA * np.log2(np.arange(1, N_FFT) * (sample_rate / N_FFT) / (440 / 16))
    semitones = np.concatenate([[semitones[0] - 1.5 * N_CHROMA], semitones])
    width = np.maximum(np.diff(semitones), 1)[:N_BINS]
    semitones = semitones[:N_BINS]
    classes = np.arange(N_CHROMA)[:, None]
    # Wrapped in float64 before the tuning is subtracted, which is at most half a semitone: float32 loses less then.
    off = np.remainder(semitones - classes + N_CHROMA / 2, N_CHROMA).astype(np.float32) - tuning
    off = jnp.remainder(off, N_CHROMA) - N_CHROMA / 2
    weights = jnp.exp(-0.5 * jnp.square(2 * off / width.astype(np.float32)))
    weights /= jnp.sqrt(jnp.square(weights).sum(axis=0))
    octaves = (semitones / N_CHROMA).astype(np.float32) - tuning / N_CHROMA
    weights *= jnp.exp(-0.5 * jnp.square((octaves - CENTRE_OCTAVE) / OCTAVE_WIDTH))
    return jnp.roll(weights, -3, axis=0)
