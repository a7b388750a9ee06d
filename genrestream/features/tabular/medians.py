"""Medians without a sort: a running median by a network of min and max, and order statistics by bisection.

The bits of non-negative floats, read as integers, have the same order as the floats. So all comparisons here are of
integers, whose min and max are one machine instruction each (min and max of floats must check for NaN).
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int


def running_median(values: Float[Array, "batch n other"], size: int) -> Float[Array, "batch n other"]:
    """Return the median of ``size`` neighbours along the middle axis.

    Equal to ``scipy.ndimage.median_filter(..., mode="reflect")``. The network works on whole shifted arrays:
    it sorts the two halves of the window (Batcher's odd-even merge) and selects the median from both.

    Args:
        values: At least 0.
        size: Odd, at least 3.
    """
    half, n = size // 2, values.shape[1]
    padded = _bits(jnp.pad(values, ((0, 0), (half, half), (0, 0)), mode="symmetric"))
    window = [padded[:, at : at + n] for at in range(size)]
    return _floats(_smallest(_sorted(window[:half]), _sorted(window[half:]), half + 1))


def median(values: Float[Array, "... n"], n_used: Int[Array, "..."] | int | None = None) -> Float[Array, "..."]:
    """Return the median along the last axis, as ``numpy.median`` does: the mean of the middle two of an even number.

    Args:
        values: At least 0.
        n_used: How many of the smallest values count (the others may be infinite); all where not given. 0 gives the
            minimum.
    """
    n_used = values.shape[-1] if n_used is None else n_used
    bits = _bits(values)
    middle = [_order_statistic(bits, jnp.broadcast_to(rank, values.shape[:-1])) for rank in _middle(n_used)]
    return 0.5 * (_floats(middle[0]) + _floats(middle[1]))


def _middle(n_used: Int[Array, "..."] | int) -> tuple[Array, Array]:
    return jnp.maximum(jnp.asarray(n_used) - 1, 0) // 2, jnp.asarray(n_used) // 2


def _order_statistic(bits: Int[Array, "... n"], rank: Int[Array, "..."]) -> Int[Array, "..."]:
    """Return the value that ``rank`` values are smaller than, found bit by bit from the highest."""

    def add_bit(step: Array, found: Array) -> Array:
        trial = found | (1 << (30 - step))
        n_smaller = (bits < trial[..., None]).sum(axis=-1)
        return jnp.where(n_smaller <= rank, trial, found)

    return lax.fori_loop(0, 31, add_bit, jnp.zeros(bits.shape[:-1], jnp.int32))


def _bits(values: jax.Array) -> jax.Array:
    return lax.bitcast_convert_type(values, jnp.int32)


def _floats(bits: jax.Array) -> jax.Array:
    return lax.bitcast_convert_type(bits, jnp.float32)


def _sorted(values: Sequence[jax.Array]) -> list[jax.Array]:
    if len(values) < 2:
        return list(values)
    half = len(values) // 2
    return _merged(_sorted(values[:half]), _sorted(values[half:]))


def _merged(a: list[jax.Array], b: list[jax.Array]) -> list[jax.Array]:
    """Merge two sorted lists (Batcher; Knuth, volume 3, 5.3.4)."""
    if not a or not b:
        return [*a, *b]
    if len(a) == len(b) == 1:
        return [jnp.minimum(a[0], b[0]), jnp.maximum(a[0], b[0])]
    even, odd = _merged(a[::2], b[::2]), _merged(a[1::2], b[1::2])
    merged = even[:1]
    for high, low in zip(odd, even[1:], strict=False):
        merged += [jnp.minimum(high, low), jnp.maximum(high, low)]
    n_paired = min(len(odd), len(even) - 1)
    return merged + even[1 + n_paired :] + odd[n_paired:]


def _smallest(a: list[jax.Array], b: list[jax.Array], count: int) -> jax.Array:
    """Return the ``count``-th smallest of two sorted lists: the minimum over all splits of the largest value."""
    candidates = []
    for n_first in range(max(0, count - len(b)), min(count, len(a)) + 1):
        taken = ([a[n_first - 1]] if n_first else []) + ([b[count - n_first - 1]] if count > n_first else [])
        candidates.append(functools.reduce(jnp.maximum, taken))
    return functools.reduce(jnp.minimum, candidates)
