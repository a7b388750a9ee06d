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
from genrestream.features.mel import cepstrum, log_mel, mfcc, next_log_mel, streamed_log_mel
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


def next_features(waveform: jax.Array, old: jax.Array, shift: jax.Array, n_new: int, config: FrontendConfig) -> Any:
    """Return what ``features`` does of a spectrogram or a pair, with the frames of an earlier chunk where they hold.

    Args:
        waveform: Shape (batch, config.n_samples).
        old: The earlier chunk's log-mel spectrogram.
        shift: How many frames earlier that chunk began, from 1 to ``n_new``.
        n_new: How many frames at the end are taken to be new.
        config: A log-mel spectrogram or a pair.
    """
    if isinstance(config, PairConfig):
        first = next_log_mel(waveform, old, shift, n_new, config.first)
        return first, patches(waveform, config.second)
    assert isinstance(config, LogMelConfig)
    return next_log_mel(waveform, old, shift, n_new, config)


def streamed_features(waveform: jax.Array, before: jax.Array, config: LogMelConfig) -> tuple[jax.Array, jax.Array]:
    """Return the features of a stream's next samples, and what those after them need of these.

    Args:
        waveform: Shape (n_streams, n_samples), a multiple of ``config.hop_length`` samples.
        before: What this returned for the samples before, or ``mel.samples_before``.
        config: A causal front end.
    """
    frames, after = streamed_log_mel(waveform, before, config)
    return cepstrum(frames, config.n_mfcc) if isinstance(config, MfccConfig) else frames, after


def first_of(inputs: Any) -> jax.Array:
    """Return the log-mel spectrogram of a front end's features: the first of a pair, else all."""
    return inputs[0] if isinstance(inputs, tuple) else inputs
