"""The shape of each frame's spectrum and its level, equal to the functions of the same names in librosa.feature."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from genrestream.features.tabular.stft import HOP_LENGTH, N_BINS, N_FFT, hops, over_frames

ROLL_PERCENT = 0.85
ZERO = 1e-10  # samples nearer to zero than this are zero, and zero is positive
BLOCK = 25  # bins in a block of the running sum; 41 blocks make the 1025 bins


def bins_hz(sample_rate: int) -> np.ndarray:
    """Return the frequency of each bin in Hz, shape (n_bins,)."""
    return np.fft.rfftfreq(N_FFT, 1 / sample_rate).astype(np.float32)


def centroid_and_bandwidth(
    magnitude: Float[Array, "batch n_frames n_bins"], sample_rate: int
) -> tuple[Float[Array, "batch n_frames"], Float[Array, "batch n_frames"]]:
    """Return the mean and the standard deviation of the frequency in Hz, weighted by magnitude; 0 in silence."""
    total = magnitude.sum(axis=-1, keepdims=True)
    share = magnitude / jnp.where(total < np.finfo(np.float32).tiny, 1, total)
    frequency = bins_hz(sample_rate)
    centroid = (share * frequency).sum(axis=-1)
    return centroid, jnp.sqrt((share * jnp.square(frequency - centroid[..., None])).sum(axis=-1))


def rolloff(magnitude: Float[Array, "batch n_frames n_bins"], sample_rate: int) -> Float[Array, "batch n_frames"]:
    """Return the frequency in Hz below which 85 % of the magnitude lies."""
    running = running_sum(magnitude)
    n_below = (running < ROLL_PERCENT * running[..., -1:]).sum(axis=-1)
    return n_below * (sample_rate / N_FFT)


def running_sum(values: Float[Array, "batch n_frames n_bins"]) -> Float[Array, "batch n_frames n_bins"]:
    """Return the cumulative sum over bins, by two matrix products: XLA's ``cumsum`` is slow on a CPU."""
    blocks = values.reshape(*values.shape[:-1], N_BINS // BLOCK, BLOCK)
    inside = _product(blocks, np.triu(np.ones((BLOCK, BLOCK), np.float32)))
    before = _product(inside[..., -1], np.triu(np.ones((N_BINS // BLOCK, N_BINS // BLOCK), np.float32), 1))
    return (inside + before[..., None]).reshape(values.shape)


def _product(a: Array, b: np.ndarray) -> Array:
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)


def rms(waveform: Float[Array, "batch n_samples"]) -> Float[Array, "batch n_frames"]:
    """Return each frame's root mean square (zero padding)."""
    return jnp.sqrt(over_frames(jnp.square(hops(waveform)).sum(axis=-1)) / N_FFT)


def zero_crossing_rate(waveform: Float[Array, "batch n_samples"]) -> Float[Array, "batch n_frames"]:
    """Return the share of samples in each frame where the sign changes (padded with the end's value)."""
    cut = hops(waveform, mode="edge")
    is_negative = (cut < -ZERO).reshape(len(cut), -1)
    changes = jnp.pad(is_negative[:, 1:] != is_negative[:, :-1], ((0, 0), (1, 0))).astype(jnp.float32)
    changes = changes.reshape(len(cut), -1, HOP_LENGTH)
    total = over_frames(changes.sum(axis=-1))
    return (total - changes[:, : total.shape[1], 0]) / N_FFT  # a frame's first sample has no predecessor in it
