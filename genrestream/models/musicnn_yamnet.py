"""The default model: two frozen pretrained networks side by side, and one linear layer on the outputs of both.

MusiCNN was trained on music alone, YAMNet on sounds of all kinds: YAMNet recognises speech and noise, and music of
other decades and masterings.
"""

import dataclasses
from typing import Any

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int

from genrestream.models.config import Sizes
from genrestream.models.musicnn import MusiCNN, MusiCNNConfig
from genrestream.models.yamnet import N_EMBEDDING, YAMNet, YAMNetConfig

LOGIT_RANGE = (-25.0, 15.0)  # YAMNet's logits outside it add no information and would dominate the other features


@dataclasses.dataclass(frozen=True)
class MusiCNNYAMNetConfig(Sizes):
    """Sizes of the pair.

    Attributes:
        n_audioset: Number of AudioSet classes, YAMNet's outputs.
    """

    n_audioset: int = 521


class MusiCNNYAMNet(nnx.Module):
    """Log-mel and patches of one chunk to one logit per output.

    Args:
        config: Its sizes.
        shape: Shapes of the log-mel spectrogram and of the patches.
        n_outputs: Number of logits: one for each label, then one for each state.
        rngs: Source of the initial weights.

    Raises:
        ValueError: The front end is not a pair, or does not fit the networks.
    """

    def __init__(self, config: MusiCNNYAMNetConfig, shape: tuple, n_outputs: int, *, rngs: nnx.Rngs):
        if len(shape) != 2 or not all(isinstance(half, tuple) for half in shape):
            raise ValueError(f"an input of shape {shape} must be a pair: a log-mel spectrogram and patches")
        self.musicnn = MusiCNN(MusiCNNConfig(head="pooled"), shape[0], 1, rngs=rngs)
        n_musicnn = self.musicnn.output.in_features
        del self.musicnn.output  # the linear layer replaces it
        self.yamnet = YAMNet(YAMNetConfig(), shape[1], config.n_audioset, rngs=rngs)
        self.output = nnx.Linear(n_musicnn + N_EMBEDDING + config.n_audioset, n_outputs, rngs=rngs)

    def front_maps(self, inputs: tuple[Float[Array, "batch n_frames n_mels"], Any]) -> Array:
        """Return what MusiCNN's front blocks respond: the work that the next chunk needs again."""
        return self.musicnn.front_maps(inputs[0])

    def next_maps(
        self,
        inputs: tuple[Float[Array, "batch n_frames n_mels"], Any],
        old: Float[Array, "batch n_frames n_front"],
        shift: Int[Array, ""],
        n_new: int,
        edges: tuple[int, int],
    ) -> Float[Array, "batch n_frames n_front"]:
        """Return the same, computed only where the earlier chunk's responses do not hold: see ``MusiCNN.next_maps``."""
        return self.musicnn.next_maps(inputs[0], old, shift, n_new, edges)

    def features(
        self,
        inputs: tuple[Float[Array, "batch n_frames n_mels"], Float[Array, "batch n_patches _ _"]],
        front: Float[Array, "batch n_frames n_front"] | None = None,
    ) -> Float[Array, "batch n_features"]:
        """Return the linear layer's input.

        MusiCNN's penultimate units and pooled features, then YAMNet's embedding and logits, in this order.

        Args:
            inputs: The log-mel spectrogram and the patches.
            front: The responses of MusiCNN's front blocks, where they are known.
        """
        penultimate, pooled = self.musicnn.features(inputs[0], front)
        embedding, logits = self.yamnet.features(inputs[1])
        return jnp.concatenate([penultimate, pooled, embedding, jnp.clip(logits, *LOGIT_RANGE)], axis=-1)

    def __call__(
        self,
        inputs: tuple[Float[Array, "batch n_frames n_mels"], Float[Array, "batch n_patches _ _"]],
        front: Float[Array, "batch n_frames n_front"] | None = None,
    ) -> Float[Array, "batch n_outputs"]:
        """Return the logits; the arguments are those of ``features``."""
        return self.output(self.features(inputs, front))
