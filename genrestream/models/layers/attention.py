"""Transformer layers (Vaswani et al. 2017) whose tokens know their time by rotation (RoPE: Su et al. 2021)."""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

SLOWEST = 1_000.0  # the slowest of the rotations takes 2 pi times as many columns for a turn
KeysValues = tuple[Array, Array]  # each of shape (batch, n_kept, n_heads, n_units / n_heads)


class Block(nnx.Module):
    """Attention, then two dense layers, each after layer norm and beside a shortcut.

    Args:
        n_units: Channels of a token.
        n_heads: Heads of the attention.
        n_hidden: Units of the dense layer inside.
        dropout: Rate before each sum with a shortcut, in training.
        stochastic_depth: Share of the examples that go past a branch, in training (Huang et al. 2016).
        rngs: Source of the initial weights and of dropout.
    """

    def __init__(
        self, n_units: int, n_heads: int, n_hidden: int, dropout: float, stochastic_depth: float, rngs: nnx.Rngs
    ):
        self.n_heads = n_heads
        self.norm, self.inner_norm = nnx.LayerNorm(n_units, rngs=rngs), nnx.LayerNorm(n_units, rngs=rngs)
        self.inputs = nnx.Linear(n_units, 3 * n_units, rngs=rngs)
        self.outputs = nnx.Linear(n_units, n_units, rngs=rngs)
        self.expand = nnx.Linear(n_units, n_hidden, rngs=rngs)
        self.contract = nnx.Linear(n_hidden, n_units, rngs=rngs)
        self.dropout = nnx.Dropout(dropout, rngs=rngs)
        self.past = nnx.Dropout(stochastic_depth, broadcast_dims=(1, 2), rngs=rngs)

    def __call__(
        self,
        x: Float[Array, "batch n_tokens n_units"],
        columns: Int[Array, "batch n_keys"],
        allowed: Bool[Array, "batch n_tokens n_keys"] | None = None,
        before: KeysValues | None = None,
    ) -> tuple[Float[Array, "batch n_tokens n_units"], KeysValues]:
        """Return the tokens after the block, and the keys and values of ``before`` and of these tokens.

        Args:
            x: The tokens.
            columns: The time of each token of ``before``, then of each of ``x``; only differences count.
            allowed: Which tokens each token may attend to; all where not given.
            before: Keys and values of earlier tokens.
        """
        batch, n_tokens, n_units = x.shape
        parts = self.inputs(self.norm(x)).reshape(batch, n_tokens, 3, self.n_heads, n_units // self.n_heads)
        queries, keys, values = parts[:, :, 0], parts[:, :, 1], parts[:, :, 2]
        if before:
            keys, values = (
                jnp.concatenate([old.astype(x.dtype), new], axis=1)
                for old, new in zip(before, (keys, values), strict=True)
            )
        mask = None if allowed is None else allowed[:, None]
        attended = jax.nn.dot_product_attention(
            rotated(queries, columns[:, -n_tokens:]), rotated(keys, columns), values, mask=mask
        )
        x = x + self.past(self.dropout(self.outputs(attended.reshape(x.shape))))
        inner = self.contract(nnx.gelu(self.expand(self.inner_norm(x))))
        return x + self.past(self.dropout(inner)), (keys, values)


def rotated(
    x: Float[Array, "batch n_tokens n_heads n_units"], columns: Int[Array, "batch n_tokens"]
) -> Float[Array, "batch n_tokens n_heads n_units"]:
    """Rotate pairs of units by angles in proportion to the time, so that products depend on differences of time."""
    half = x.shape[-1] // 2
    angles = columns[..., None, None] / SLOWEST ** (jnp.arange(half) / half)
    cos, sin = jnp.cos(angles).astype(x.dtype), jnp.sin(angles).astype(x.dtype)
    one, other = x[..., :half], x[..., half : 2 * half]
    return jnp.concatenate([one * cos - other * sin, one * sin + other * cos, x[..., 2 * half :]], axis=-1)
