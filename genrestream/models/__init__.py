"""The networks, one file each, and the table that names them in a checkpoint."""

from collections.abc import Callable

from flax import nnx

from genrestream.models.musicnn import MusiCNN, MusiCNNConfig

MODELS: dict[str, tuple[type, Callable[..., nnx.Module]]] = {
    "musicnn": (MusiCNNConfig, MusiCNN),
}

__all__ = ["MODELS", "MusiCNN", "MusiCNNConfig"]
