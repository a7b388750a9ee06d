"""The networks, one file each, and the table that names them in a checkpoint."""

from collections.abc import Callable

from flax import nnx

from genrestream.models.classical import Classical, ClassicalConfig
from genrestream.models.cnn import CNN, CNNConfig
from genrestream.models.cnn_lstm import CNNLSTM, CNNLSTMConfig
from genrestream.models.crnn import CRNN, CRNNConfig
from genrestream.models.mlp import MLP, MLPConfig
from genrestream.models.musicnn import MusiCNN, MusiCNNConfig
from genrestream.models.musicnn_yamnet import MusiCNNYAMNet, MusiCNNYAMNetConfig
from genrestream.models.transformer import Transformer, TransformerConfig
from genrestream.models.yamnet import YAMNet, YAMNetConfig

MODELS: dict[str, tuple[type, Callable[..., nnx.Module]]] = {
    "classical": (ClassicalConfig, Classical),
    "cnn": (CNNConfig, CNN),
    "cnn_lstm": (CNNLSTMConfig, CNNLSTM),
    "crnn": (CRNNConfig, CRNN),
    "mlp": (MLPConfig, MLP),
    "musicnn": (MusiCNNConfig, MusiCNN),
    "musicnn_yamnet": (MusiCNNYAMNetConfig, MusiCNNYAMNet),
    "transformer": (TransformerConfig, Transformer),
    "yamnet": (YAMNetConfig, YAMNet),
}

__all__ = [
    "CNN",
    "CNNLSTM",
    "CRNN",
    "MLP",
    "MODELS",
    "CNNConfig",
    "CNNLSTMConfig",
    "CRNNConfig",
    "Classical",
    "ClassicalConfig",
    "MLPConfig",
    "MusiCNN",
    "MusiCNNConfig",
    "MusiCNNYAMNet",
    "MusiCNNYAMNetConfig",
    "Transformer",
    "TransformerConfig",
    "YAMNet",
    "YAMNetConfig",
]
