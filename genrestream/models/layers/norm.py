"""Normalisation layers: batch norm, and the standardisation of tabular columns."""

from typing import Any

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float


class BatchNorm(nnx.BatchNorm):
    """``nnx.BatchNorm`` with the input's dtype: float32 statistics would make all later layers float32."""

    def __call__(self, x: Float[Array, "*batch n_channels"], *args: Any, **kwargs: Any) -> Array:
        """Return ``x`` normalised: in training by the batch's mean and variance, which also update the running ones."""
        return super().__call__(x, *args, **kwargs).astype(x.dtype)


class ColumnNorm(nnx.Module):
    """Takes the logarithm of some columns and standardises all, with statistics of the training rows.

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
