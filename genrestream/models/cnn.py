"""2-D CNN on a log-mel spectrogram: a small residual network (He et al. 2016), or plain layers as in system E.

System E is "2-D CNN": three convolution layers of 32, dense 32, dense 16, the output; dropout and batch norm.
"""

import dataclasses
import itertools

from flax import nnx
from jaxtyping import Array, Float

from genrestream.models.config import Sizes
from genrestream.models.layers.convolution import Conv, ConvBlock, computed_once
from genrestream.models.layers.dense import Dense
from genrestream.models.layers.norm import BatchNorm
from genrestream.models.layers.pooling import max_pool

N_PLAIN = 2  # stages of one layer before the residual ones: the first stages have many positions and cost the most
HALVED = (2, 2)


@dataclasses.dataclass(frozen=True)
class CNNConfig(Sizes):
    """Sizes of a CNN.

    Attributes:
        n_filters: Channels of each stage; each stage halves frames and bands.
        residual: True for a residual block in each stage after the second, then the mean over time of each band; False
            for one plain layer in each stage, then all positions.
        n_units: Units of the dense layers before the output.
        dropout: Rate before each dense layer, in training.
    """

    n_filters: tuple[int, ...] = (16, 32, 64, 128)
    residual: bool = True
    n_units: tuple[int, ...] = ()
    dropout: float = 0.3


class ResidualBlock(nnx.Module):
    """Two 3x3 convolutions with batch norm around a shortcut, then maximum pooling by two.

    Pooling, not a stride: with strides the same network was right on 0.45 of the validation tracks, not 0.56.
    """

    def __init__(self, n_inputs: int, n_filters: int, rngs: nnx.Rngs):
        self.first = Conv(n_inputs, n_filters, rngs, use_bias=False)
        self.first_norm = BatchNorm(n_filters, rngs=rngs)
        self.second = Conv(n_filters, n_filters, rngs, use_bias=False)
        self.second_norm = BatchNorm(n_filters, scale_init=nnx.initializers.zeros, rngs=rngs)
        self.shortcut = Conv(n_inputs, n_filters, rngs, size=1)

    def __call__(self, x: Float[Array, "batch n_frames n_bands n_inputs"]) -> Float[Array, "batch _ _ n_filters"]:
        """Return the block's channels."""
        x = computed_once(x)
        inner = computed_once(nnx.relu(self.first_norm(self.first(x))))
        whole = computed_once(self.second_norm(self.second(inner)) + self.shortcut(x))
        return nnx.relu(max_pool(whole, HALVED))


class CNN(nnx.Module):
    """Log-mel of about 3 s to one logit per label.

    Args:
        config: Its sizes.
        shape: (n_frames, n_mels) of its input.
        n_classes: Labels, one logit each.
        rngs: Source of the initial weights and of dropout.

    Raises:
        ValueError: The input is too small to be halved in each stage.
    """

    def __init__(self, config: CNNConfig, shape: tuple[int, ...], n_classes: int, *, rngs: nnx.Rngs):
        n_frames, n_mels = (size // 2 ** len(config.n_filters) for size in shape)
        if not n_frames or not n_mels:
            times = len(config.n_filters)
            raise ValueError(f"an input of {shape[0]} frames and {shape[1]} mel bands cannot be halved {times} times")
        self.config = config
        self.input_norm = BatchNorm(shape[1], use_bias=False, use_scale=False, rngs=rngs)
        n_plain = N_PLAIN if config.residual else len(config.n_filters)
        self.blocks = nnx.List([])
        for stage, (n, m) in enumerate(itertools.pairwise((1, *config.n_filters))):
            self.blocks.append(ConvBlock(n, m, HALVED, rngs) if stage < n_plain else ResidualBlock(n, m, rngs))
        n_pooled = (1 if config.residual else n_frames) * n_mels * config.n_filters[-1]
        self.dense = Dense(n_pooled, config.n_units, n_classes, config.dropout, rngs)

    def __call__(self, log_mel: Float[Array, "batch n_frames n_mels"]) -> Float[Array, "batch n_classes"]:
        """Return the logits."""
        x = self.input_norm(log_mel)[..., None]
        for block in self.blocks:
            x = block(x)
        # Bands are not averaged: a pattern's pitch range says more about the genre than it varies within a genre.
        return self.dense(x.mean(axis=1).reshape(len(x), -1) if self.config.residual else x.reshape(len(x), -1))
