"""What a stateful network carries from one step of a stream to the next, so that the steps equal one pass."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from genrestream.models.layers.recurrent import Carry

Mean = tuple[Array, Array]  # weighted sum over the frames so far, (n_streams, n_units); sum of weights, (n_streams, 1)


class State(NamedTuple):
    """The state of a network of convolutions, recurrent layers and a mean over frames.

    Attributes:
        frames: For each convolution, the last input frames, which the next step sees again.
        carries: The state of each recurrent layer.
        mean: The mean over the frames so far.
    """

    frames: tuple[Array, ...]
    carries: tuple[Carry, ...]
    mean: Mean


def causal(
    conv: Callable[[Array], Array], x: Float[Array, "n_streams n_frames ..."], before: Array
) -> tuple[Array, Array]:
    """Return a convolution's responses that see no later frame, and the frames that the next step sees again.

    Args:
        conv: A convolution with zero padding that spans a frame more than ``before`` has.
        x: The new frames.
        before: The frames before them; zeros at the beginning of a stream.
    """
    n_before, n_new = before.shape[1], x.shape[1]
    seen = jnp.concatenate([before.astype(x.dtype), x], axis=1)
    first = n_before // 2  # the responses before it see the padding
    return conv(seen)[:, first : first + n_new], seen[:, n_new:]


def running_mean(x: Float[Array, "n_streams n_frames n_units"], mean: Mean, decay: float) -> tuple[Array, Mean]:
    """Return the mean of the frames so far, older ones counting less, and what the next step goes on from.

    Args:
        x: The new frames.
        mean: The sums so far; zeros at the beginning of a stream.
        decay: What a frame still counts at the next one, 0 to 1.
    """
    n_new = x.shape[1]
    weights = (decay ** np.arange(n_new - 1, -1, -1)).astype(np.float32)
    total = decay**n_new * mean[0] + jnp.einsum("stu,t->su", x, weights.astype(x.dtype))
    weight = decay**n_new * mean[1] + weights.sum()
    return (total / weight).astype(x.dtype), (total, weight)


def check_steps(n_frames: int, stride: int) -> None:
    """Make sure that a stateful network's chunk is a whole number of its steps.

    Raises:
        ValueError: It is not.
    """
    if n_frames % stride:
        raise ValueError(f"n_frames={n_frames} must be a multiple of {stride}, which a stateful network makes one")
