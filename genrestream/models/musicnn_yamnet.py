"""Two pretrained networks side by side, frozen, with one linear layer on what both say: the default model.

MusiCNN was trained on music alone, YAMNet on sounds of all kinds: the second knows speech and noise, and music of
other decades and masterings.
"""

import dataclasses

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from genrestream.models.config import Sizes
from genrestream.models.musicnn import MusiCNN, MusiCNNConfig
from genrestream.models.yamnet import N_EMBEDDING, YAMNet, YAMNetConfig

LOGIT_RANGE = (-25.0, 15.0)  # far outside it YAMNet's logits say nothing more, and would outweigh all else


@dataclasses.dataclass(frozen=True)
class MusiCNNYAMNetConfig(Sizes):
    """Sizes of the pair.

    Attributes:
        n_audioset: AudioSet classes that YAMNet tells.
    """

    n_audioset: int = 521


class MusiCNNYAMNet(nnx.Module):
    """Log-mel and patches of one chunk to one logit per output.

    Args:
        config: Its sizes.
        shape: Shapes of the log-mel spectrogram and of the patches.
        n_outputs: Logits: the labels', then those of the states.
        rngs: Source of the initial weights.

    Raises:
        ValueError: The front end is not a pair, or does not fit the networks.
    """

    def __init__(self, config: MusiCNNYAMNetConfig, shape: tuple, n_outputs: int, *, rngs: nnx.Rngs):
        if len(shape) != 2 or not all(isinstance(half, tuple) for half in shape):
            raise ValueError(f"an input of shape {shape} must be a pair: a log-mel spectrogram and patches")
        sizes = MusiCNNConfig()
        self.musicnn = MusiCNN(sizes, shape[0], 1, rngs=rngs)
        del self.musicnn.output  # the linear layer stands in its place
        self.yamnet = YAMNet(YAMNetConfig(), shape[1], config.n_audioset, rngs=rngs)
        n_front = 2 * sizes.n_timbral + 3 * sizes.n_temporal
        n_musicnn = sizes.n_penultimate + 2 * (n_front + 3 * sizes.n_midend)
        self.output = nnx.Linear(n_musicnn + N_EMBEDDING + config.n_audioset, n_outputs, rngs=rngs)

    def features(
        self, inputs: tuple[Float[Array, "batch n_frames n_mels"], Float[Array, "batch n_patches _ _"]]
    ) -> Float[Array, "batch n_features"]:
        """Return what the linear layer sees.

        MusiCNN's penultimate units and pooled features, YAMNet's embedding and its logits, in this order.
        """
        penultimate, pooled = self.musicnn.features(inputs[0])
        embedding, logits = self.yamnet.features(inputs[1])
        return jnp.concatenate([penultimate, pooled, embedding, jnp.clip(logits, *LOGIT_RANGE)], axis=-1)

    def __call__(
        self, inputs: tuple[Float[Array, "batch n_frames n_mels"], Float[Array, "batch n_patches _ _"]]
    ) -> Float[Array, "batch n_outputs"]:
        """Return the logits."""
        return self.output(self.features(inputs))
