"""Harmonic and percussive parts by median filtering (Fitzgerald 2010), equal to ``librosa.effects.hpss``."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from genrestream.features.tabular.medians import running_median
from genrestream.features.tabular.stft import istft

KERNEL_SIZE = 31  # frames of the harmonic median, bins of the percussive one


def harmonic_mask(magnitude: Float[Array, "batch n_frames n_bins"]) -> Float[Array, "batch n_frames n_bins"]:
    """Return the harmonic share of each bin, 0 to 1 (``librosa.decompose.hpss(mask=True)``, power 2, margin 1)."""
    harmonic = running_median(magnitude, KERNEL_SIZE)
    percussive = running_median(magnitude.swapaxes(1, 2), KERNEL_SIZE).swapaxes(1, 2)
    largest = jnp.maximum(harmonic, percussive)
    is_silent = largest < np.finfo(np.float32).tiny
    scale = jnp.where(is_silent, 1, largest)
    harmonic, percussive = jnp.square(harmonic / scale), jnp.square(percussive / scale)
    return jnp.where(is_silent, 0.5, harmonic / jnp.where(is_silent, 1, harmonic + percussive))


def hpss(
    waveform: Float[Array, "batch n_samples"], spectrum: Complex[Array, "batch n_frames n_bins"]
) -> tuple[Float[Array, "batch n_samples"], Float[Array, "batch n_samples"]]:
    """Return the harmonic and the percussive waveform.

    The two masks add up to 1, so the percussive waveform is the input minus the harmonic one, and one inverse transform
    is enough.

    Args:
        waveform: Samples.
        spectrum: Its ``stft``.
    """
    harmonic = istft(spectrum * harmonic_mask(jnp.abs(spectrum)), waveform.shape[1])
    return harmonic, waveform - harmonic
