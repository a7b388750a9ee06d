"""Dense layers with dropout, at the end of most networks."""

import itertools

from flax import nnx
from jaxtyping import Array, Float


class Dense(nnx.Module):
    """Dense layers with ReLU, each after dropout, and the output layer.

    Args:
        n_inputs: Input features.
        n_units: Units of each hidden layer; may be empty.
        n_classes: Logits.
        dropout: Rate before each layer, in training.
        rngs: Source of the initial weights and of dropout.
    """

    def __init__(self, n_inputs: int, n_units: tuple[int, ...], n_classes: int, dropout: float, rngs: nnx.Rngs):
        sizes = (n_inputs, *n_units, n_classes)
        self.layers = nnx.List([nnx.Linear(n, m, rngs=rngs) for n, m in itertools.pairwise(sizes)])
        self.dropout = nnx.Dropout(dropout, rngs=rngs)

    def __call__(self, x: Float[Array, "batch n_inputs"]) -> Float[Array, "batch n_classes"]:
        """Return the logits."""
        for layer in self.layers[:-1]:
            x = nnx.relu(layer(self.dropout(x)))
        return self.layers[-1](self.dropout(x))
