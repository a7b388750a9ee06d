"""1-D CNN-LSTM on MFCCs: convolutions over time, then long short-term memory (system E).

System E is "1-D CNN-LSTM": three 1-D convolution layers of 32, two LSTM layers of 128, dense 64, the output.
"""

import dataclasses

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from genrestream.models.config import Sizes
from genrestream.models.layers.carried import State, causal, check_steps, running_mean
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
        stateful: Whether the network goes on from chunk to chunk of a stream; then no layer sees later frames.
        mean_decay: Of a stateful network: what a frame still counts at the next one, in the mean before the output.
    """

    n_filters: tuple[int, ...] = (32, 32, 32)
    n_frames_seen: int = 5
    n_units: int = 128
    n_layers: int = 2
    n_dense: int = 64
    dropout: float = 0.3
    stateful: bool = False
    mean_decay: float = 0.99

    @property
    def stride(self) -> int:
        """Frames of the input that the pooling makes one; a step has a multiple of them."""
        return 2 ** (len(self.n_filters) - 1)


class CNNLSTM(nnx.Module):
    """MFCCs of about 3 s to one logit per label.

    Args:
        config: Its sizes.
        shape: (n_frames, n_mfcc) of its input.
        n_classes: Labels, one logit each.
        rngs: Source of the initial weights and of dropout.

    Raises:
        ValueError: The input is too short to be halved by each convolution layer but the last; or the network is
            stateful, and halving leaves a rest.
    """

    def __init__(self, config: CNNLSTMConfig, shape: tuple[int, ...], n_classes: int, *, rngs: nnx.Rngs):
        n_frames, n_mfcc = shape
        if n_frames < config.stride:
            raise ValueError(f"an input of {n_frames} frames cannot be halved {len(config.n_filters) - 1} times")
        if config.stateful:
            check_steps(n_frames, config.stride)
        self.config = config
        self.input_norm = BatchNorm(n_mfcc, use_bias=False, use_scale=False, rngs=rngs)
        self.seen = (n_mfcc, *config.n_filters[:-1])  # channels of each layer's input
        sizes = zip(self.seen, config.n_filters, strict=True)
        self.convs = nnx.List([nnx.Conv(n, m, (config.n_frames_seen,), rngs=rngs) for n, m in sizes])
        self.norms = nnx.List([BatchNorm(n, rngs=rngs) for n in config.n_filters])
        inputs = [config.n_filters[-1]] + [config.n_units] * (config.n_layers - 1)
        self.recurrent = nnx.List([Recurrent("lstm", n, config.n_units, rngs) for n in inputs])
        self.dropout = nnx.Dropout(config.dropout, rngs=rngs)
        self.dense = Dense(config.n_units, (config.n_dense,), n_classes, config.dropout, rngs)

    def __call__(self, mfcc: Float[Array, "batch n_frames n_mfcc"]) -> Float[Array, "batch n_classes"]:
        """Return the logits; of a stateful network, those at the end of a stream that begins here."""
        if self.config.stateful:
            return self.step(mfcc, self.initial_state(len(mfcc)))[0]
        x = self.input_norm(mfcc)
        for number, conv in enumerate(self.convs):
            x = self._pooled(number, conv(x))
        x = self.dropout(x)
        for layer in self.recurrent:
            x = layer(x)
        return self.dense(x.mean(axis=1))  # the last state alone learns far slower

    def initial_state(self, n_streams: int) -> State:
        """Return the state before the first frame of so many streams."""
        mean = jnp.zeros((n_streams, self.config.n_units)), jnp.zeros((n_streams, 1))
        frames = tuple(jnp.zeros((n_streams, self.config.n_frames_seen - 1, n)) for n in self.seen)
        return State(frames, tuple(layer.initial_state(n_streams) for layer in self.recurrent), mean)

    def step(
        self, mfcc: Float[Array, "n_streams n_frames n_mfcc"], state: State
    ) -> tuple[Float[Array, "n_streams n_classes"], State]:
        """Return the logits after new frames, a multiple of the stride, and the state after them."""
        x, frames, carries = self.input_norm(mfcc), [], []
        for number, (conv, before) in enumerate(zip(self.convs, state.frames, strict=True)):
            responses, after = causal(conv, x, before)
            x = self._pooled(number, responses)
            frames.append(after)
        x = self.dropout(x)
        for layer, carry in zip(self.recurrent, state.carries, strict=True):
            x, carry = layer.step(x, carry)
            carries.append(carry)
        x, mean = running_mean(x, state.mean, self.config.mean_decay)
        return self.dense(x), State(tuple(frames), tuple(carries), mean)

    def _pooled(self, number: int, responses: Array) -> Array:
        x = self.norms[number](nnx.relu(responses))
        return x if number == len(self.convs) - 1 else jnp.squeeze(max_pool(x[:, :, None], (2, 1)), 2)
