"""PCM samples of any type as float32."""

import numpy as np

from genrestream.errors import UsageError


def planes(samples: np.ndarray, n_channels: int) -> np.ndarray:
    """Return PCM of any integer or float type as float32, shape (n_channels, n_samples), -1 to 1.

    Args:
        samples: Shape (n_channels, n_samples), or (1, n_samples * n_channels) interleaved.
        n_channels: Channels that it holds.
    """
    if samples.shape[0] != n_channels:
        samples = samples.reshape(-1, n_channels).T
    if samples.dtype == np.float32:  # what most decoders give
        return samples
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128
    if np.issubdtype(samples.dtype, np.signedinteger):
        return samples.astype(np.float32) / -float(np.iinfo(samples.dtype).min)
    if np.issubdtype(samples.dtype, np.floating):
        return samples.astype(np.float32, copy=False)
    raise UsageError(f"samples of type {samples.dtype} must be uint8, a signed integer or a float")
