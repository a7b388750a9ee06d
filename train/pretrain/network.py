"""A transformer that predicts the patches it does not receive (masked autoencoder: He et al. 2022).

For spectrograms: SSAST (Gong et al. 2022), M2D (Niizumi et al. 2023). M2D predicts another network's representation
of the masked patches; here their values are predicted, which needs no other network.
"""

import dataclasses

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from genrestream.models.config import Sizes
from genrestream.models.layers.attention import Block
from genrestream.models.transformer import Transformer, drawn
from train.loop.step import Step

FLAT = 1e-2  # added to a patch's variance, so that silence is not amplified


@dataclasses.dataclass(frozen=True)
class MaskedConfig(Sizes):
    """What is predicted, and by what.

    Attributes:
        masked: Share of the patches that are predicted from the others.
        n_decoder_units: Channels of a token of the decoder, which is one layer of 4 heads.
    """

    masked: float = 0.7
    n_decoder_units: int = 64


class Masked(nnx.Module):
    """The network to pre-train and a decoder, which is discarded later.

    Args:
        config: The share of masked patches, and the decoder's size.
        encoder: The network to pre-train.
        rngs: Source of the decoder's weights and of the draws.
    """

    def __init__(self, config: MaskedConfig, encoder: Transformer, rngs: nnx.Rngs):
        self.encoder, self.masked, self.draws = encoder, config.masked, rngs["dropout"].fork()
        n_units, of = config.n_decoder_units, encoder.config
        self.embed = nnx.Linear(of.n_units, n_units, rngs=rngs)
        self.mask = nnx.Param(0.02 * rngs.params.normal((n_units,)))
        self.bands = nnx.Param(0.02 * rngs.params.normal((encoder.n_bands, n_units)))
        self.block = Block(n_units, 4, 4 * n_units, 0.0, 0.0, rngs)
        self.norm = nnx.LayerNorm(n_units, rngs=rngs)
        self.output = nnx.Linear(n_units, of.patch_frames * of.patch_mels, rngs=rngs)

    def __call__(self, log_mel: Float[Array, "batch n_frames n_mels"]) -> Float[Array, " batch"]:
        """Return each example's mean squared error over its masked patches, each normalised by itself; 1 is chance."""
        patches = self.encoder.patches(log_mel)
        batch, n_patches, _ = patches.shape
        n_seen = max(1, round((1 - self.masked) * n_patches))
        numbers = drawn(self.draws(), batch, n_patches)
        columns, bands = numbers // self.encoder.n_bands, numbers % self.encoder.n_bands
        patches = jnp.take_along_axis(patches, numbers[..., None], axis=1)
        seen, _ = self.encoder.tokens(patches[:, :n_seen], numbers[:, :n_seen], columns[:, :n_seen])
        masks = jnp.broadcast_to(self.mask.get_value(), (batch, n_patches - n_seen, self.mask.shape[0]))
        x = jnp.concatenate([self.embed(seen), masks], axis=1) + self.bands.get_value()[bands]
        x, _ = self.block(x, columns)
        targets = jax.nn.standardize(patches[:, n_seen:].astype(jnp.float32), epsilon=FLAT)
        predicted = self.output(self.norm(x[:, n_seen:])).astype(jnp.float32)
        return jnp.square(predicted - targets).mean(axis=(1, 2))


class MaskedStep(Step):
    """The step whose network returns its losses itself."""

    def losses(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Return each example's loss."""
        return outputs

    def scores(self, outputs: jax.Array, targets: jax.Array, weight: jax.Array) -> dict[str, jax.Array]:
        """Return nothing: there is no right or wrong answer."""
        return {}
