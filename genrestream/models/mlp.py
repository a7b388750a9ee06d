"""Multilayer perceptron on tabular features; without hidden layers, a logistic regression.

System A: M1 has hidden layers of 256, 128 and 64, M2 of 512 to 64, M4 of 1024 to 64.
"""

import dataclasses

from flax import nnx
from jaxtyping import Array, Float

from genrestream.models.config import Sizes
from genrestream.models.layers.dense import Dense
from genrestream.models.layers.norm import ColumnNorm


@dataclasses.dataclass(frozen=True)
class MLPConfig(Sizes):
    """Sizes of an MLP.

    Attributes:
        n_units: Units of each hidden layer; may be empty.
        dropout: Rate before each layer, in training.
    """

    n_units: tuple[int, ...] = (256, 128, 64)
    dropout: float = 0.0


class MLP(nnx.Module):
    """Tabular features of a chunk to one logit per label.

    Args:
        config: Its sizes.
        shape: (n_columns,) of its input.
        n_classes: Labels, one logit each.
        rngs: Source of the initial weights and of dropout.
    """

    def __init__(self, config: MLPConfig, shape: tuple[int, ...], n_classes: int, *, rngs: nnx.Rngs):
        (n_columns,) = shape
        self.input_norm = ColumnNorm(n_columns)
        self.dense = Dense(n_columns, tuple(config.n_units), n_classes, config.dropout, rngs)

    def __call__(self, columns: Float[Array, "batch n_columns"]) -> Float[Array, "batch n_classes"]:
        """Return the logits."""
        return self.dense(self.input_norm(columns))
