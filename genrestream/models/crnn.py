"""CRNN: convolutions with pooling, then recurrent layers over the remaining frames (Choi et al. 2017; system D).

System D: 12 kHz, 96 mel bands, five convolution layers with maximum pooling and batch norm, two GRU layers, a dense
output.
"""

import dataclasses
import math

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from genrestream.models.config import Sizes
from genrestream.models.layers.carried import State, check_steps, running_mean
from genrestream.models.layers.convolution import ConvBlock
from genrestream.models.layers.dense import Dense
from genrestream.models.layers.norm import BatchNorm
from genrestream.models.layers.recurrent import Recurrent


@dataclasses.dataclass(frozen=True)
class CRNNConfig(Sizes):
    """Sizes of a CRNN.

    Attributes:
        n_filters: Channels of each convolution layer.
        pool_frames: Frames that each layer's pooling makes one.
        pool_mels: Bands that each layer's pooling makes one.
        n_units: Units of each GRU layer.
        n_layers: GRU layers.
        dropout: Rate before the first GRU layer and before the output, in training.
        stateful: Whether the network goes on from chunk to chunk of a stream; then no layer sees later frames.
        mean_decay: Of a stateful network: what a frame still counts at the next one, in the mean before the output.
    """

    n_filters: tuple[int, ...] = (16, 32, 64, 64, 64)
    pool_frames: tuple[int, ...] = (2, 2, 2, 1, 1)
    pool_mels: tuple[int, ...] = (2, 2, 2, 2, 2)
    n_units: int = 96
    n_layers: int = 2
    dropout: float = 0.3
    stateful: bool = False
    mean_decay: float = 0.99

    @property
    def stride(self) -> int:
        """Frames of the input that the pooling makes one; a step has a multiple of them."""
        return math.prod(self.pool_frames)


class CRNN(nnx.Module):
    """Log-mel of about 3 s to one logit per label.

    Args:
        config: Its sizes.
        shape: (n_frames, n_mels) of its input.
        n_classes: Labels, one logit each.
        rngs: Source of the initial weights and of dropout.

    Raises:
        ValueError: The pooling leaves no frame or band, or is not given for each layer; or the network is stateful, and
            the pooling leaves a rest.
    """

    def __init__(self, config: CRNNConfig, shape: tuple[int, ...], n_classes: int, *, rngs: nnx.Rngs):
        n_frames, n_mels = shape
        if not len(config.pool_frames) == len(config.pool_mels) == len(config.n_filters):
            raise ValueError(
                f"pool_frames={config.pool_frames} and pool_mels={config.pool_mels} must have one size for each of the"
                f" {len(config.n_filters)} layers of n_filters"
            )
        pools = list(zip(config.pool_frames, config.pool_mels, strict=True))
        bands = []  # of each layer's input
        for pool in pools:
            bands.append(n_mels)
            n_frames, n_mels = n_frames // pool[0], n_mels // pool[1]
        if not n_frames or not n_mels:
            raise ValueError(f"pooling by {pools} leaves nothing of {shape[0]} frames and {shape[1]} mel bands")
        if config.stateful:
            check_steps(shape[0], config.stride)
        self.config = config
        self.input_norm = BatchNorm(shape[1], use_bias=False, use_scale=False, rngs=rngs)
        inputs = (1, *config.n_filters[:-1])
        self.seen = tuple(zip(bands, inputs, strict=True))
        layers = zip(inputs, config.n_filters, pools, strict=True)
        self.blocks = nnx.List([ConvBlock(n, m, pool, rngs) for n, m, pool in layers])
        sizes = [n_mels * config.n_filters[-1]] + [config.n_units] * (config.n_layers - 1)
        self.recurrent = nnx.List([Recurrent("gru", n, config.n_units, rngs) for n in sizes])
        self.dropout = nnx.Dropout(config.dropout, rngs=rngs)
        self.dense = Dense(config.n_units, (), n_classes, config.dropout, rngs)

    def __call__(self, log_mel: Float[Array, "batch n_frames n_mels"]) -> Float[Array, "batch n_classes"]:
        """Return the logits; of a stateful network, those at the end of a stream that begins here."""
        if self.config.stateful:
            return self.step(log_mel, self.initial_state(len(log_mel)))[0]
        x = self.input_norm(log_mel)[..., None]
        for block in self.blocks:
            x = block(x)
        x = self.dropout(x.reshape(*x.shape[:2], -1))
        for layer in self.recurrent:
            x = layer(x)
        return self.dense(x.mean(axis=1))  # the last state alone learns far slower

    def initial_state(self, n_streams: int) -> State:
        """Return the state before the first frame of so many streams."""
        mean = jnp.zeros((n_streams, self.config.n_units)), jnp.zeros((n_streams, 1))
        frames = tuple(jnp.zeros((n_streams, 2, *bands_and_channels)) for bands_and_channels in self.seen)
        return State(frames, tuple(layer.initial_state(n_streams) for layer in self.recurrent), mean)

    def step(
        self, log_mel: Float[Array, "n_streams n_frames n_mels"], state: State
    ) -> tuple[Float[Array, "n_streams n_classes"], State]:
        """Return the logits after new frames, a multiple of the stride, and the state after them."""
        x, frames, carries = self.input_norm(log_mel)[..., None], [], []
        for block, before in zip(self.blocks, state.frames, strict=True):
            x, after = block.step(x, before)
            frames.append(after)
        x = self.dropout(x.reshape(*x.shape[:2], -1))
        for layer, carry in zip(self.recurrent, state.carries, strict=True):
            x, carry = layer.step(x, carry)
            carries.append(carry)
        x, mean = running_mean(x, state.mean, self.config.mean_decay)
        return self.dense(x), State(tuple(frames), tuple(carries), mean)
