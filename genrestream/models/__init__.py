"""The networks, one file each, and the table that names them in a checkpoint."""

from flax import nnx

from genrestream.models.musicnn import MusiCNN, MusiCNNConfig

ModelConfig = MusiCNNConfig
MODELS: dict[str, tuple[type[ModelConfig], type[nnx.Module]]] = {
    "musicnn": (MusiCNNConfig, MusiCNN),
}

__all__ = ["MODELS", "ModelConfig", "MusiCNN", "MusiCNNConfig"]
