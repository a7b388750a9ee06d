"""Max pooling with a gradient that is fast on a CPU too."""

import functools
import itertools

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from genrestream.models.layers.gradients import is_fast


def max_pool(
    x: Float[Array, "batch n_frames n_bands n_channels"], pool: tuple[int, int]
) -> Float[Array, "batch _ _ n_channels"]:
    """Return the maxima of pieces that do not overlap; a last piece smaller than the pool is dropped.

    Its gradient goes to the first maximum. On a CPU it takes a tenth of the time of ``nnx.max_pool``'s gradient, which
    scatters one value after another.
    """
    return _max_pool(x, pool) if is_fast("max_pool") else nnx.max_pool(x, pool, pool)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def _max_pool(x: Array, pool: tuple[int, int]) -> Array:
    return _max_and_argmax(x, pool)[0]


def _max_and_argmax(x: Array, pool: tuple[int, int]) -> tuple[Array, Array]:
    batch, n_frames, n_bands, n_channels = x.shape
    frames, bands = n_frames // pool[0], n_bands // pool[1]
    kept = x[:, : frames * pool[0], : bands * pool[1]]
    pieces = kept.reshape(batch, frames, pool[0], bands, pool[1], n_channels)
    maxima, argmax = pieces[:, :, 0, :, 0], jnp.zeros((batch, frames, bands, n_channels), jnp.int32)
    for frame, band in itertools.product(range(pool[0]), range(pool[1])):
        piece = pieces[:, :, frame, :, band]
        argmax = jnp.where(piece > maxima, frame * pool[1] + band, argmax)
        maxima = jnp.maximum(piece, maxima)
    return maxima, argmax


def _max_pool_forward(x: Array, pool: tuple[int, int]) -> tuple[Array, tuple[Array, Array]]:
    maxima, argmax = _max_and_argmax(x, pool)
    return maxima, (argmax, jnp.zeros((0, *x.shape[1:]), x.dtype))  # keeps only the shape and type of x


def _max_pool_backward(pool: tuple[int, int], saved: tuple[Array, Array], cotangent: Array) -> tuple[Array]:
    argmax, like_x = saved
    batch, frames, bands, n_channels = cotangent.shape

    def spread(array: Array) -> Array:
        wide = jnp.broadcast_to(array[:, :, None, :, None], (batch, frames, pool[0], bands, pool[1], n_channels))
        return wide.reshape(batch, frames * pool[0], bands * pool[1], n_channels)

    frame, band = jnp.arange(frames * pool[0]) % pool[0], jnp.arange(bands * pool[1]) % pool[1]
    here = (frame[:, None] * pool[1] + band)[..., None]
    grad = jnp.where(spread(argmax) == here, spread(cotangent), 0)
    if grad.shape[1:] == like_x.shape[1:]:
        return (grad,)
    whole = jnp.zeros((batch, *like_x.shape[1:]), cotangent.dtype)  # padding would not be vectorised
    return (whole.at[:, : grad.shape[1], : grad.shape[2]].set(grad),)


_max_pool.defvjp(_max_pool_forward, _max_pool_backward)
