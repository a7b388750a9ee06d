"""YAMNet: MobileNet v1 trained on AudioSet's 521 classes (Plakal & Ellis, Google; Howard et al. 2017).

The layers, their order and their constants follow the authors' code (TensorFlow models, ``research/audioset/yamnet``,
Apache-2.0), batch norm folded into the convolutions. The weights are stored as 8-bit integers with a scale for each
filter: see ``train/study/convert_yamnet.py``.
"""

import dataclasses
from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from genrestream.errors import UsageError

N_FIRST = 32
LAYERS = (  # filters and stride of each separable convolution
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1),
    (1024, 2), (1024, 1),
)  # fmt: skip
N_EMBEDDING = LAYERS[-1][0]
N_AUDIOSET = 521


@dataclasses.dataclass(frozen=True)
class YAMNetConfig:
    """What YAMNet returns.

    Attributes:
        outputs: For each output the numbers of the AudioSet classes whose largest logit it is; empty where each class
            is an output.

    Raises:
        UsageError: An output has no class, or one that does not exist.
    """

    outputs: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        for classes in self.outputs:
            is_list = isinstance(classes, tuple) and 0 < len(classes) <= N_AUDIOSET
            if not is_list or not all(type(one) is int and 0 <= one < N_AUDIOSET for one in classes):
                raise UsageError(f"outputs: {classes!r:.60} must be numbers of classes, from 0 to {N_AUDIOSET - 1}")


class Quantised(nnx.Module):
    """A matrix of 8-bit integers with a scale for each column, and a bias.

    Args:
        shape: Shape of the kernel; the filters are its last axis.
    """

    def __init__(self, shape: tuple[int, ...]):
        self.kernel = nnx.BatchStat(jnp.zeros(shape, jnp.int8))
        self.scale = nnx.BatchStat(jnp.ones(shape[-1]))
        self.bias = nnx.BatchStat(jnp.zeros(shape[-1]))

    def weights(self) -> Array:
        """Return the kernel as float32; an inference program has unpacked it before."""
        kernel = self.kernel.get_value()
        if kernel.dtype == jnp.float32:
            return kernel
        return jnp.asarray(kernel, jnp.float32) * self.scale.get_value()


class YAMNet(nnx.Module):
    """Log-mel patches to one logit per class.

    Args:
        config: Which outputs it has.
        shape: (n_patches, n_frames, n_mels) of its input; frames and bands multiples of 32.
        n_classes: Number of outputs; AudioSet has 521 classes.
        rngs: Not used: there is nothing random.

    Raises:
        ValueError: The input has another shape, or the config another number of outputs.
    """

    def __init__(self, config: YAMNetConfig, shape: tuple[int, ...], n_classes: int, *, rngs: nnx.Rngs):
        del rngs
        if len(shape) != 3 or shape[1] % 32 or shape[2] % 32:
            raise ValueError(f"an input of shape {shape} must be patches whose frames and bands are multiples of 32")
        if config.outputs and len(config.outputs) != n_classes:
            raise ValueError(f"outputs must be as many as labels and states, {n_classes}, not {len(config.outputs)}")
        self.config = config
        n_inputs = (N_FIRST, *(n for n, _ in LAYERS[:-1]))
        self.first = Quantised((9, N_FIRST))
        self.depthwise = nnx.List([Quantised((9, n)) for n in n_inputs])
        self.pointwise = nnx.List([Quantised((n, m)) for n, (m, _) in zip(n_inputs, LAYERS, strict=True)])
        self.output = Quantised((N_EMBEDDING, N_AUDIOSET if config.outputs else n_classes))

    def features(
        self, patches: Float[Array, "batch n_patches n_frames n_mels"]
    ) -> tuple[Float[Array, "batch n_embedding"], Float[Array, "batch n_audioset"]]:
        """Return embedding and the logits of all classes, each the mean over the patches."""
        batch, n_patches = patches.shape[:2]
        x = patches.reshape(batch * n_patches, *patches.shape[2:], 1)
        taps = jnp.concatenate(list(_taps(x, 2)), axis=-1)
        x = nnx.relu(taps @ self.first.weights() + self.first.bias.get_value())
        for depthwise, pointwise, (_, stride) in zip(self.depthwise, self.pointwise, LAYERS, strict=True):
            # Nine shifted products: XLA's depthwise convolution takes five times as long on a CPU.
            kernel = depthwise.weights()
            places = [tap * kernel[place] for place, tap in enumerate(_taps(x, stride))]
            x = nnx.relu(sum(places[1:], places[0]) + depthwise.bias.get_value())
            x = nnx.relu(x @ pointwise.weights() + pointwise.bias.get_value())
        embedding = x.mean(axis=(1, 2)).reshape(batch, n_patches, -1).mean(axis=1)
        return embedding, embedding @ self.output.weights() + self.output.bias.get_value()

    def __call__(self, patches: Float[Array, "batch n_patches n_frames n_mels"]) -> Float[Array, "batch n_outputs"]:
        """Return the outputs: logits, their mean over the patches."""
        logits = self.features(patches)[1]
        if not self.config.outputs:
            return logits
        longest = max(map(len, self.config.outputs))
        classes = np.array([np.resize(one, longest) for one in self.config.outputs])  # shorter ones are repeated
        return logits[:, classes].max(axis=-1)


def _taps(x: Array, stride: int) -> Iterator[Array]:
    """Yield the inputs at each of the nine positions of a 3x3 filter, padded like TensorFlow's ``SAME``."""
    height, width = x.shape[1] // stride, x.shape[2] // stride
    padding = (0, 1) if stride == 2 else (1, 1)
    x = jnp.pad(x, ((0, 0), padding, padding, (0, 0)))
    for row, column in np.ndindex(3, 3):
        rows = slice(row, row + stride * (height - 1) + 1, stride)
        yield x[:, rows, column : column + stride * (width - 1) + 1 : stride]
