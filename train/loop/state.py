"""The state of training: all that a step changes and a checkpoint keeps."""

import dataclasses

import jax

Weights = dict[str, jax.Array]  # by dotted name, such as ``blocks.0.conv.kernel``


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
    """The state between two steps.

    Attributes:
        step: Number of steps done, a scalar int32.
        params: The trained parameters.
        statistics: Running statistics of the batch norms, and parameters that are not trained.
        average: The moving average of both; empty where none is kept.
        optimizer: The leaves of the optimizer's own state.
    """

    step: jax.Array
    params: Weights
    statistics: Weights
    average: Weights
    optimizer: list[jax.Array]
