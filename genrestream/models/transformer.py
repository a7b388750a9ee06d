"""Spectrogram transformer: patches of a log-mel spectrogram as tokens (AST: Gong et al. 2021).

In training most patches are left out (patch-out; PaSST: Koutini et al. 2022), as for music in MAEST (Alonso-Jiménez et
al. 2023). Those are pretrained networks of 86 M parameters; this one has at most 1 M.
"""

import dataclasses

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from genrestream.models.config import Sizes
from genrestream.models.layers.attention import Block, KeysValues
from genrestream.models.layers.carried import check_steps
from genrestream.models.layers.norm import BatchNorm


@dataclasses.dataclass(frozen=True)
class TransformerConfig(Sizes):
    """Sizes of a spectrogram transformer.

    Attributes:
        patch_frames: Frames of a patch; patches do not overlap.
        patch_mels: Mel bands of a patch.
        n_units: Channels of a token.
        n_layers: Layers.
        n_heads: Heads of each layer's attention.
        n_hidden: Units of the dense layer inside each layer.
        dropout: Rate in each layer and before the output, in training.
        patch_out: Share of the patches that are left out, drawn for each example, in training.
        stochastic_depth: Rate at which the last layer is left out, in training; earlier layers less often.
        stateful: Whether the network goes on from chunk to chunk of a stream; then a patch attends only to those of
            its own time and before, and patch-out does not apply.
        n_columns: Of a stateful network: how many times of a patch it attends to, and its output is the mean over.
    """

    patch_frames: int = 8
    patch_mels: int = 16
    n_units: int = 96
    n_layers: int = 4
    n_heads: int = 4
    n_hidden: int = 384
    dropout: float = 0.1
    patch_out: float = 0.5
    stochastic_depth: float = 0.1
    stateful: bool = False
    n_columns: int = 12

    @property
    def stride(self) -> int:
        """Frames of the input that become one time of patches; a step has a multiple of them."""
        return self.patch_frames


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State:
    """What a stateful network keeps of a stream: the last ``n_columns`` times of a patch.

    Attributes:
        kept: Keys and values of each layer.
        outputs: The last layer's tokens, each time's mean, shape (n_streams, n_columns, n_units).
        n_seen: How many of these times there were, shape (n_streams,).
    """

    kept: tuple[KeysValues, ...]
    outputs: Array
    n_seen: Array


class PatchOut(nnx.Module):
    """Draws patches to keep in training.

    Args:
        rate: Share of the patches to leave out.
        rngs: Source of the draws.
    """

    def __init__(self, rate: float, rngs: nnx.Rngs):
        self.rate, self.deterministic, self.rngs = rate, False, rngs["dropout"].fork()

    def set_view(self, deterministic: bool | None = None) -> None:
        """Switch it off or on, as ``nnx.view`` does."""
        self.deterministic = self.deterministic if deterministic is None else deterministic

    def __call__(self, batch: int, n_patches: int) -> Int[Array, "batch n_kept"]:
        """Return the numbers of the patches that are kept."""
        if self.deterministic or not self.rate:
            return jnp.broadcast_to(jnp.arange(n_patches), (batch, n_patches))
        n_kept = max(1, round((1 - self.rate) * n_patches))
        return drawn(self.rngs(), batch, n_patches)[:, :n_kept]


def drawn(key: Array, batch: int, n_patches: int) -> Int[Array, "batch n_patches"]:
    """Return the numbers of all patches in another order for each example."""
    return jnp.argsort(jax.random.uniform(key, (batch, n_patches)), axis=1)


class Transformer(nnx.Module):
    """Log-mel of about 3 s to one logit per label.

    Args:
        config: Its sizes.
        shape: (n_frames, n_mels) of its input.
        n_classes: Labels, one logit each.
        rngs: Source of the initial weights, of dropout and of patch-out.

    Raises:
        ValueError: The input has no whole patch, or the heads do not divide the units evenly; or the network is
            stateful, and the frames are no whole number of patches.
    """

    def __init__(self, config: TransformerConfig, shape: tuple[int, ...], n_classes: int, *, rngs: nnx.Rngs):
        self.n_bands = shape[1] // config.patch_mels
        if not shape[0] // config.patch_frames or not self.n_bands:
            patch = f"{config.patch_frames} frames and {config.patch_mels} mel bands"
            raise ValueError(f"an input of {shape[0]} frames and {shape[1]} mel bands has no patch of {patch}")
        if config.n_units % (2 * config.n_heads):
            raise ValueError(f"n_units={config.n_units} must be a multiple of 2 * n_heads={2 * config.n_heads}")
        if config.stateful:
            check_steps(shape[0], config.stride)
        self.config = config
        self.input_norm = BatchNorm(shape[1], use_bias=False, use_scale=False, rngs=rngs)
        self.embed = nnx.Linear(config.patch_frames * config.patch_mels, config.n_units, rngs=rngs)
        self.bands = nnx.Param(0.02 * rngs.params.normal((self.n_bands, config.n_units)))
        rates = [config.stochastic_depth * (layer + 1) / config.n_layers for layer in range(config.n_layers)]
        sizes = (config.n_units, config.n_heads, config.n_hidden, config.dropout)
        self.blocks = nnx.List([Block(*sizes, rate, rngs) for rate in rates])
        self.norm = nnx.LayerNorm(config.n_units, rngs=rngs)
        self.patch_out, self.dropout = PatchOut(config.patch_out, rngs), nnx.Dropout(config.dropout, rngs=rngs)
        self.output = nnx.Linear(config.n_units, n_classes, rngs=rngs)

    def __call__(self, log_mel: Float[Array, "batch n_frames n_mels"]) -> Float[Array, "batch n_classes"]:
        """Return the logits; of a stateful network, those at the end of a stream that begins here.

        Frames and bands after the last whole patch are dropped.
        """
        if self.config.stateful:
            return self.step(log_mel, self.initial_state(len(log_mel)))[0]
        patches = self.patches(log_mel)
        kept = self.patch_out(*patches.shape[:2])
        patches = jnp.take_along_axis(patches, kept[..., None], axis=1)
        tokens, _ = self.tokens(patches, kept, kept // self.n_bands)
        return self.output(self.dropout(tokens.mean(axis=1)))

    def patches(self, log_mel: Float[Array, "batch n_frames n_mels"]) -> Float[Array, "batch n_patches n_values"]:
        """Return the patches, normalised by the bands' statistics: all bands of the first time, then of the next."""
        batch, n_frames, _ = log_mel.shape
        high, wide = self.config.patch_frames, self.config.patch_mels
        x = self.input_norm(log_mel)[:, : n_frames // high * high, : self.n_bands * wide]
        x = x.reshape(batch, n_frames // high, high, self.n_bands, wide)
        return x.swapaxes(2, 3).reshape(batch, -1, high * wide)

    def tokens(
        self,
        patches: Float[Array, "batch n_kept n_values"],
        numbers: Int[Array, "batch n_kept"],
        columns: Int[Array, "batch n_keys"],
        before: State | None = None,
    ) -> tuple[Float[Array, "batch n_kept n_units"], list[KeysValues]]:
        """Return the last layer's tokens, and each layer's keys and values with those before.

        Args:
            patches: Some of the patches.
            numbers: Their numbers; the band of a number is what it leaves when divided by the number of bands.
            columns: The time of each patch of ``before``, then of ``patches``.
            before: The state before ``patches``.
        """
        allowed = self._allowed(columns, numbers.shape[1], before) if self.config.stateful else None
        x = self.embed(patches) + self.bands.get_value()[numbers % self.n_bands]
        kept = []
        for layer, block in enumerate(self.blocks):
            x, keys_values = block(x, columns, allowed, before.kept[layer] if before else None)
            kept.append(keys_values)
        return self.norm(x), kept

    def _allowed(
        self, columns: Int[Array, "batch n_keys"], n_new: int, before: State | None
    ) -> Bool[Array, "batch n_new n_keys"]:
        """Return whether a new token may attend to a token: of its own time or before, and not too long before."""
        since = columns[:, -n_new:, None] - columns[:, None]
        allowed = (since >= 0) & (since < self.config.n_columns)
        return allowed & (columns >= -before.n_seen[:, None])[:, None] if before else allowed

    def initial_state(self, n_streams: int) -> State:
        """Return the state of so many streams before their first frame."""
        config = self.config
        n_kept, n_each = config.n_columns * self.n_bands, config.n_units // config.n_heads
        nothing = jnp.zeros((n_streams, n_kept, config.n_heads, n_each))
        outputs = jnp.zeros((n_streams, config.n_columns, config.n_units))
        return State(((nothing, nothing),) * config.n_layers, outputs, jnp.zeros(n_streams, jnp.int32))

    def step(
        self, log_mel: Float[Array, "n_streams n_frames n_mels"], state: State
    ) -> tuple[Float[Array, "n_streams n_classes"], State]:
        """Return the logits after new frames, and the state after them; pieces of any size give the same.

        Args:
            log_mel: The frames since the last call, a multiple of ``patch_frames``.
            state: What the last call returned.

        Raises:
            ValueError: The frames are no multiple of ``patch_frames``.
        """
        n_streams, n_frames, _ = log_mel.shape
        check_steps(n_frames, self.config.stride)
        n_columns, n_new = self.config.n_columns, n_frames // self.config.patch_frames
        numbers = jnp.broadcast_to(jnp.arange(n_new * self.n_bands), (n_streams, n_new * self.n_bands))
        columns = jnp.arange(-n_columns * self.n_bands, n_new * self.n_bands) // self.n_bands
        columns = jnp.broadcast_to(columns, (n_streams, columns.size))
        tokens, kept = self.tokens(self.patches(log_mel), numbers, columns, state)
        means = tokens.reshape(n_streams, n_new, self.n_bands, -1).mean(axis=2)
        outputs = jnp.concatenate([state.outputs.astype(means.dtype), means], axis=1)[:, -n_columns:]
        n_seen = jnp.minimum(state.n_seen + n_new, n_columns)
        is_seen = jnp.arange(-n_columns, 0) >= -n_seen[:, None]
        mean = jnp.mean(outputs, axis=1, where=is_seen[..., None])
        last = tuple((keys[:, -n_columns * self.n_bands :], values[:, -n_columns * self.n_bands :])
                     for keys, values in kept)  # fmt: skip
        return self.output(self.dropout(mean)), State(last, outputs, n_seen)
