"""Augmentation inside the training step: SpecAugment and mixup."""

import functools

import jax
import jax.numpy as jnp

from train.augment.config import AugmentConfig


@functools.partial(jax.jit, static_argnames="config")
def spec_augment(features: jax.Array, key: jax.Array, config: AugmentConfig) -> jax.Array:
    """Replace bands of frames and of frequencies by each example's mean (SpecAugment: Park et al. 2019).

    Args:
        features: Shape (batch, n_frames, n_bins).
        key: Random key.
        config: How many bands, and how wide.

    Returns:
        The same shape and type.
    """
    if not config.spec_masks or not config.spec_width:
        return features
    masked = jnp.zeros(features.shape, bool)
    for axis in (1, 2):
        key, width_key, start_key = jax.random.split(key, 3)
        size, drawn = features.shape[axis], (features.shape[0], config.spec_masks)
        width = jax.random.uniform(width_key, drawn) * config.spec_width * size
        start = jax.random.uniform(start_key, drawn) * (size - width)
        place = jnp.arange(size)[None, None] + 0.5
        bands = ((place >= start[..., None]) & (place < (start + width)[..., None])).any(axis=1)
        masked |= jnp.expand_dims(bands, 3 - axis)
    return jnp.where(masked, features.mean(axis=(1, 2), keepdims=True), features)


def mixup_shares(key: jax.Array, n_examples: int, config: AugmentConfig) -> jax.Array:
    """Draw the share, 0.5 to 1, that each example keeps of itself in mixup; shape (n_examples,)."""
    share = jax.random.beta(key, config.mixup, config.mixup, (n_examples,))
    return jnp.maximum(share, 1 - share)


def mixup(inputs: jax.Array, one_hot: jax.Array, shares: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mix each example and its label with its neighbour in the batch (mixup: Zhang et al. 2018).

    Args:
        inputs: Waveforms or features, shape (batch, ...).
        one_hot: Labels, shape (batch, n_classes), rows that sum to 1.
        shares: The share that each example keeps of itself, shape (batch,).

    Returns:
        Both, mixed; same shapes and types.
    """

    def mixed(values: jax.Array) -> jax.Array:
        kept = shares.reshape(-1, *[1] * (values.ndim - 1)).astype(values.dtype)
        return kept * values + (1 - kept) * jnp.roll(values, 1, axis=0)

    return mixed(inputs), mixed(one_hot)
