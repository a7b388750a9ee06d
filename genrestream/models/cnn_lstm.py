"""1-D CNN-LSTM on MFCCs: convolutions over time, then long short-term memory (system E).

System E is "1-D CNN-LSTM": three 1-D convolution layers of 32, two LSTM layers of 128, dense 64, the output.
"""

import dataclasses

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from genrestream.models.config import Sizes
from genrestream.models.layers.dense import Dense
from genrestream.models.layers.norm import BatchNorm
from genrestream.models.layers.pooling import max_pool
from genrestream.models.layers.recurrent import Recurrent


@dataclasses.dataclass(frozen=True)
class CNNLSTMConfig(Sizes):
    """Sizes of a CNN-LSTM.

    Attributes:
        n_filters: Channels of each convolution layer; each but the last halves the frames.
        n_frames_seen: Frames that a filter spans.
        n_units: Units of each LSTM layer.
        n_layers: LSTM layers.
        n_dense: Units of the dense layer.
        dropout: Rate before the first LSTM layer and before each dense layer, in training.
    """

    n_filters: tuple[int, ...] = (32, 32, 32)
    n_frames_seen: int = 5
    n_units: int = 128
    n_layers: int = 2
    n_dense: int = 64
    dropout: float = 0.3


class CNNLSTM(nnx.Module):
    """MFCCs of about 3 s to one logit per label.

    Args:
        config: Its sizes.
        shape: (n_frames, n_mfcc) of its input.
        n_classes: Labels, one logit each.
        rngs: Source of the initial weights and of dropout.

    Raises:
        ValueError: The input is too short to be halved by each convolution layer but the last.
    """

    def __init__(self, config: CNNLSTMConfig, shape: tuple[int, ...], n_classes: int, *, rngs: nnx.Rngs):
        n_frames, n_mfcc = shape
        if n_frames < 2 ** (len(config.n_filters) - 1):
            raise ValueError(f"an input of {n_frames} frames cannot be halved {len(config.n_filters) - 1} times")
        self.config = config
        self.input_norm = BatchNorm(n_mfcc, use_bias=False, use_scale=False, rngs=rngs)
        sizes = zip((n_mfcc, *config.n_filters[:-1]), config.n_filters, strict=True)
        self.convs = nnx.List([nnx.Conv(n, m, (config.n_frames_seen,), rngs=rngs) for n, m in sizes])
        self.norms = nnx.List([BatchNorm(n, rngs=rngs) for n in config.n_filters])
        inputs = [config.n_filters[-1]] + [config.n_units] * (config.n_layers - 1)
        self.recurrent = nnx.List([Recurrent("lstm", n, config.n_units, rngs) for n in inputs])
        self.dropout = nnx.Dropout(config.dropout, rngs=rngs)
        self.dense = Dense(config.n_units, (config.n_dense,), n_classes, config.dropout, rngs)

    def __call__(self, mfcc: Float[Array, "batch n_frames n_mfcc"]) -> Float[Array, "batch n_classes"]:
        """Return the logits."""
        x = self.input_norm(mfcc)
        for number, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            x = norm(nnx.relu(conv(x)))
            if number < len(self.convs) - 1:
                x = jnp.squeeze(max_pool(x[:, :, None], (2, 1)), 2)
        x = self.dropout(x)
        for layer in self.recurrent:
            x = layer(x)
        return self.dense(x.mean(axis=1))  # the last state alone learns far slower
