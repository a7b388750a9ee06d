"""Log-mel patches, the input of YAMNet.

After the authors' code (TensorFlow models, ``research/audioset/yamnet/features.py``, Apache-2.0).
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from genrestream.features.config import PatchesConfig

OFFSET = 0.001  # added before the logarithm


def patches(
    waveform: Float[Array, "batch n_samples"], config: PatchesConfig
) -> Float[Array, "batch n_patches n_frames n_mels"]:
    """Compute the log-mel spectrogram, cut into patches that do not overlap, from the chunk's start.

    Args:
        waveform: Samples at ``config.sample_rate``, nominally -1 to 1, at least ``config.n_samples`` of them.
        config: The front end's sizes.
    """
    n_frames = config.n_patches * config.n_frames
    starts = config.hop_length * np.arange(n_frames)
    frames = waveform[:, starts[:, None] + np.arange(config.window_length)]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(config.window_length) / config.window_length)
    spectrum = jnp.fft.rfft(frames * window.astype(np.float32), config.n_fft)
    magnitude = jnp.sqrt(jnp.square(spectrum.real) + jnp.square(spectrum.imag))
    mel = jnp.matmul(magnitude, htk_mel_filters(config), precision=jax.lax.Precision.HIGHEST)
    return jnp.log(mel + OFFSET).reshape(-1, config.n_patches, config.n_frames, config.n_mels)


def htk_mel_filters(config: PatchesConfig) -> np.ndarray:
    """Return triangles that are linear on HTK's mel scale, shape (1 + n_fft // 2, n_mels).

    Equal to ``tf.signal.linear_to_mel_weight_matrix``: the bin at 0 Hz has weight 0 in each.
    """
    bins = _mels(np.fft.rfftfreq(config.n_fft, 1 / config.sample_rate))[:, None]
    edges = np.linspace(_mels(config.low_hz), _mels(config.high_hz), config.n_mels + 2)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    filters = np.maximum(0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    filters[0] = 0
    return filters.astype(np.float32)


def _mels(frequency_hz: float | np.ndarray) -> np.ndarray:
    return 1127.0 * np.log1p(np.asarray(frequency_hz, np.float64) / 700.0)
