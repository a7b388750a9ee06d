"""From a waveform to what a network sees: the one front end of training, streaming and benchmarks."""

import jax

from genrestream.features.config import FrontendConfig, MfccConfig, TabularConfig
from genrestream.features.mel import log_mel, mfcc
from genrestream.features.tabular.columns import tabular


def features(waveform: jax.Array, config: FrontendConfig) -> jax.Array:
    """Compute a front end's features.

    Args:
        waveform: Shape (batch, config.n_samples), nominally -1 to 1.
        config: Which front end, and its sizes.

    Returns:
        Shape (batch, *config.shape), float32.
    """
    if isinstance(config, TabularConfig):
        return tabular(waveform, config.sample_rate)
    if isinstance(config, MfccConfig):
        return mfcc(waveform, config)
    return log_mel(waveform, config)
