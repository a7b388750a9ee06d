"""Pretrained networks as functions from chunks to features, which are kept on disk: computing them takes the time."""

import functools
import hashlib
import io
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from rich.console import Console
from rich.progress import track as progress

from genrestream.audio.conditioning import LevelConfig
from genrestream.features.config import LogMelConfig, PairConfig, PatchesConfig
from genrestream.features.frontend import features
from genrestream.files import replacing
from genrestream.inference import checkpoint, shipped
from genrestream.inference.network import load_weights
from genrestream.models import MusiCNNYAMNet, MusiCNNYAMNetConfig
from train.augment.config import AugmentConfig
from train.data.cache import AudioCache
from train.data.tracks import Track
from train.input import examples
from train.input.sampling import SamplingConfig

MUSICNN, YAMNET = "musicnn-tags", "yamnet"
FOLDER = "features"  # in the audio cache's folder


class FrozenPair:
    """MusiCNN and YAMNet side by side.

    Args:
        level: To what loudness chunks are brought before.

    Attributes:
        frontend: Its front end.
        weights: All weights but the output layer's, by the names in ``MusiCNNYAMNet``.
        licences: The folders whose licence texts belong to it.

    Raises:
        CheckpointError: One of the two is missing or damaged.
    """

    def __init__(self, level: LevelConfig | None):
        halves = {"musicnn": MUSICNN, "yamnet": YAMNET}
        models = {half: checkpoint.read(shipped.find(name)) for half, name in halves.items()}
        self.licences = [model.path for model in models.values()]
        self.frontend = PairConfig(LogMelConfig(), PatchesConfig(), level)
        loaded = {half: load_weights(model) for half, model in models.items()}
        self.weights = {f"{half}.{name}": array for half, arrays in loaded.items() for name, array in arrays.items()}
        self.digest = hashlib.sha256("".join(model.card.weights_sha256 for model in models.values()).encode())
        self.digest.update(repr(self.frontend).encode())
        module = nnx.eval_shape(
            lambda: MusiCNNYAMNet(MusiCNNYAMNetConfig(), self.frontend.shape, 2, rngs=nnx.Rngs(0), n_tags=50)
        )
        module = nnx.view(module, deterministic=True, use_running_average=True)
        graph, state, random = nnx.split(module, nnx.Not(nnx.RngState), ...)
        variables = nnx.to_flat_state(state)

        def outputs(weights: dict[str, Any], chunk: jax.Array) -> jax.Array:
            flat = [
                (path, leaf.replace(weights.get(name := ".".join(map(str, path)), jnp.zeros(leaf.shape))))
                for path, leaf in variables
                for name in [".".join(map(str, path))]
            ]
            network: Any = nnx.merge(graph, nnx.from_flat_state(flat), random)
            return network.features(features(chunk, self.frontend))[0]

        compiled, on_device = jax.jit(outputs), jax.device_put(self.weights)
        self.features: Callable[[np.ndarray], np.ndarray] = lambda chunk: np.asarray(compiled(on_device, chunk[None]))
