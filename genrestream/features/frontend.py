"""From a waveform to a network's input: the one front end of training, streaming and benchmarks."""

from collections.abc import Callable
from typing import Any

import jax

from genrestream.features.config import (
    FrontendConfig,
    LogMelConfig,
    MfccConfig,
    PairConfig,
    PatchesConfig,
    TabularConfig,
)
from genrestream.features.mel import log_mel, mfcc
from genrestream.features.patches import patches
from genrestream.features.tabular.columns import tabular

# A new front end is a config in config.py and a line here.
COMPUTED_BY: dict[type[FrontendConfig], Callable[[jax.Array, Any], Any]] = {
    LogMelConfig: log_mel,
    MfccConfig: mfcc,
    TabularConfig: lambda waveform, config: tabular(waveform, config.sample_rate),
    PatchesConfig: patches,
    PairConfig: lambda waveform, config: (log_mel(waveform, config.first), patches(waveform, config.second)),
}


def features(waveform: jax.Array, config: FrontendConfig) -> Any:
    """Compute a front end's features.

    Args:
        waveform: Shape (batch, config.n_samples), nominally -1 to 1.
        config: Which front end, and its sizes.

    Returns:
        Shape (batch, *config.shape), float32; a pair of arrays for a pair of front ends.
    """
    return COMPUTED_BY[type(config)](waveform, config)
