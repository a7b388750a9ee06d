"""What several of the networks are built from."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float


class BatchNorm(nnx.BatchNorm):
    """Flax's, with two changes.

    What comes out has the type of what comes in, for float32 statistics would make all after it float32. And the
    gradient is written out, which takes fewer passes over the examples than the derivative of line after line.
    """

    def __call__(self, x: Float[Array, "*batch n_channels"], *args: Any, **kwargs: Any) -> Array:
        """Return ``x`` normalised: in training by its own mean and variance, which the running ones then follow."""
        if args or kwargs or self.use_running_average or self.scale is None or self.bias is None:
            return super().__call__(x, *args, **kwargs).astype(x.dtype)
        scale, bias = self.scale.get_value(), self.bias.get_value()
        normalised, mean, variance = _normalised(x, scale, bias, self.epsilon)
        for running, now in ((self.mean, mean), (self.var, variance)):
            running.set_value(self.momentum * running.get_value() + (1 - self.momentum) * now)
        return normalised


@jax.custom_vjp
def _normalised(x: Array, scale: Array, bias: Array, epsilon: float | Array) -> tuple[Array, Array, Array]:
    """Return x with each channel's mean made equal to bias and its deviation to scale; and mean and variance of x."""
    return _normalised_forward(x, scale, bias, epsilon)[0]


def _normalised_forward(x: Array, scale: Array, bias: Array, epsilon: float | Array) -> tuple[Any, Any]:
    values, axes = x.astype(jnp.float32), tuple(range(x.ndim - 1))
    mean = values.mean(axes)
    variance = jnp.maximum(0, (values * values).mean(axes) - mean * mean)  # as flax finds it
    inverse = jax.lax.rsqrt(variance + epsilon)
    gain = scale * inverse
    normalised = (values * gain + (bias - mean * gain)).astype(x.dtype)
    return (normalised, mean, variance), (x, mean, inverse, scale)


def _normalised_backward(saved: tuple[Array, ...], slopes: tuple[Array, ...]) -> tuple[Array | None, ...]:
    x, mean, inverse, scale = saved
    slope, values, axes = slopes[0].astype(jnp.float32), x.astype(jnp.float32), tuple(range(x.ndim - 1))
    n_values = x.size // x.shape[-1]
    bias_slope = slope.sum(axes)
    scale_slope = ((slope * values).sum(axes) - mean * bias_slope) * inverse  # XLA would write out values - mean
    of_values, gain = inverse * scale_slope / n_values, scale * inverse
    x_slope = gain * slope - gain * of_values * values + gain * (of_values * mean - bias_slope / n_values)
    return x_slope.astype(x.dtype), scale_slope.astype(scale.dtype), bias_slope.astype(scale.dtype), None


# The slopes of mean and variance are left out: only the running ones are made of them.
_normalised.defvjp(_normalised_forward, _normalised_backward)


class ColumnNorm(nnx.Module):
    """Takes the logarithm of some columns and standardises all, by what was measured on the training rows.

    Args:
        n_columns: Columns of the table.
    """

    def __init__(self, n_columns: int):
        self.is_log = nnx.BatchStat(jnp.zeros(n_columns))
        self.floor = nnx.BatchStat(jnp.ones(n_columns))
        self.mean = nnx.BatchStat(jnp.zeros(n_columns))
        self.scale = nnx.BatchStat(jnp.ones(n_columns))

    def __call__(self, columns: Float[Array, "batch n_columns"]) -> Float[Array, "batch n_columns"]:
        """Return the columns, each with mean 0 and variance 1 over the training rows; a scale of 0 leaves one out."""
        logs = jnp.log(jnp.maximum(columns, self.floor.get_value()))
        columns = jnp.where(self.is_log.get_value() > 0, logs, columns)
        return (columns - self.mean.get_value()) * self.scale.get_value()
