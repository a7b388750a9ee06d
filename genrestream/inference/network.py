"""The network of a checkpoint as a function of its weights, built from shapes without initial values."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from flax import nnx
from jax.flatten_util import ravel_pytree

from genrestream.errors import CheckpointError, UsageError
from genrestream.features.frontend import features, first_of, next_features, streamed_features
from genrestream.features.mel import samples_before
from genrestream.inference.checkpoint import Card, Checkpoint, Like, read_weights
from genrestream.inference.overlap import log_mel_config
from genrestream.models import MODELS

MAX_STEPS = 100  # of a stateful network in a chunk


def abstract_module(card: Card) -> nnx.Module:
    """Return the card's network with shapes in place of weights.

    Raises:
        CheckpointError: This version does not know the network, or its config does not fit.
    """
    if card.model not in MODELS:
        raise CheckpointError(f"{card.name}: network {card.model!r} is none of {', '.join(MODELS)}")
    if card.is_stateful and not getattr(card.frontend, "causal", False):
        raise CheckpointError(f"{card.name}: its network is stateful, so its front end must be causal, and is not")
    config_type, module_type = MODELS[card.model]
    try:
        config = config_type(**{name: _tuples(value) for name, value in card.model_config.items()})
        return nnx.eval_shape(lambda: module_type(config, card.frontend.shape, card.n_outputs, rngs=nnx.Rngs(0)))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, UsageError) as error:
        raise CheckpointError(f"{card.name}: {card.model} cannot be built from its config ({error})") from error


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


class Parts:
    """A module's parameters and statistics by dotted name, and a way to rebuild the module with others.

    Args:
        module: A network, with arrays or only their shapes.

    Attributes:
        variables: The parameters and statistics by dotted name; no random state.
    """

    def __init__(self, module: nnx.Module):
        self._graph, state, self._random = nnx.split(module, nnx.Not(nnx.RngState), ...)
        flat = {".".join(map(str, path)): (path, variable) for path, variable in nnx.to_flat_state(state)}
        self._paths = {name: path for name, (path, _) in flat.items()}
        self.variables = {name: variable for name, (_, variable) in flat.items()}

    def together(self, weights: Mapping[str, Any]) -> Any:
        """Return the module with these weights; for use inside a jit."""
        flat = [(self._paths[name], variable.replace(weights[name])) for name, variable in self.variables.items()]
        return nnx.merge(self._graph, nnx.from_flat_state(flat), self._random, copy=True)


def weights_of(module: nnx.Module) -> dict[str, Any]:
    """Return the network's parameters and statistics by dotted name; no random state."""
    return {name: variable.get_value() for name, variable in Parts(module).variables.items()}


def inferring(module: nnx.Module) -> Any:
    """Return the network set to inference: no dropout, and batch norm by its running statistics."""
    mode = {"deterministic": True, "use_running_average": True}
    return nnx.view(module, raise_if_not_found=False, **mode)  # an MLP has no batch norm


def likes_of(card: Card) -> dict[str, Like]:
    """Return what each of the network's weights must be like, by name.

    Raises:
        CheckpointError: This version does not know the network, or its config does not fit.
    """
    return {
        name: Like(tuple(one.shape), np.dtype(one.dtype)) for name, one in weights_of(abstract_module(card)).items()
    }


def load_weights(checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """Return the checkpoint's weights by name, checked against its network's shapes.

    Raises:
        CheckpointError: The network is unknown, or the weights are unreadable or do not fit it.
    """
    return read_weights(checkpoint, likes_of(checkpoint.card))


def bind(card: Card) -> Callable[[Mapping[str, Any]], Any]:
    """Return the function from weights by name to the network with them, set to inference; for use inside a jit."""
    return Parts(inferring(abstract_module(card))).together


def logits_function(card: Card) -> Callable[[Mapping[str, Any], Any], jax.Array]:
    """Return the function from weights by name and chunks, shape (batch, n_samples), to logits (batch, n_classes)."""
    network = bind(card)
    return lambda weights, chunks: network(weights)(features(chunks, card.frontend))


def batch_function(card: Card) -> Callable[..., tuple[jax.Array, Any]]:
    """Return the function from weights and chunks to logits and the work that the next chunk can use, () if none."""
    network = bind(card)
    if card.is_stateful:
        return lambda weights, chunks: _stepped(network(weights), card, chunks)
    if log_mel_config(card) is None:
        return lambda weights, chunks: (network(weights)(features(chunks, card.frontend)), ())

    def logits_and_kept(weights: Mapping[str, Any], chunks: jax.Array) -> tuple[jax.Array, Any]:
        module, inputs = network(weights), features(chunks, card.frontend)
        maps = module.front_maps(inputs)
        return module(inputs, maps), (first_of(inputs), maps)

    return logits_and_kept


def next_function(card: Card, n_new: int) -> Callable[..., tuple[jax.Array, Any]]:
    """Return the function from weights, a chunk, an earlier chunk's kept work and the shift, to logits and kept work.

    Args:
        card: Of a network whose work serves the next chunk.
        n_new: How many frames at the end of the chunk may be new.
    """
    network, config = bind(card), log_mel_config(card)
    assert config

    def logits_and_kept(weights: Mapping[str, Any], chunk: jax.Array, kept: Any, shift: Any) -> tuple[jax.Array, Any]:
        log_mel, maps = kept
        module, inputs = network(weights), next_features(chunk, log_mel, shift, n_new, card.frontend)
        maps = module.next_maps(inputs, maps, shift, n_new, config.edges)
        return module(inputs, maps), (first_of(inputs), maps)

    return logits_and_kept


def step_function(card: Card) -> Callable[..., tuple[jax.Array, Any]]:
    """Return the function from weights, a stream's next samples, shape (1, n), and its state to logits and state.

    Args:
        card: Of a stateful network; n is one of its step sizes.
    """
    network = bind(card)
    return lambda weights, waveform, carry: _stepped(network(weights), card, waveform, carry)


def _stepped(module: Any, card: Card, waveform: jax.Array, carry: tuple[jax.Array, ...] = ()) -> tuple[jax.Array, Any]:
    """Return the logits and the state after samples; without a state they begin the stream."""
    config: Any = card.frontend  # a causal one
    start = samples_before(len(waveform), config), module.initial_state(len(waveform))
    before, state = ravel_pytree(start)[1](carry[0]) if carry else start
    frames, before = streamed_features(waveform, before, config)
    logits, state = module.step(frames, state)
    return logits, (ravel_pytree((before, state))[0],)


def step_size(card: Card, hop: int) -> int:
    """Return how many samples a stateful network takes at a time: the most that divide both a chunk and a hop.

    Where there are none, the fewest; but a chunk is never more than ``MAX_STEPS``, for its answer not to take long.
    """
    module: Any = abstract_module(card)
    config: Any = card.frontend
    stride, n_samples = module.config.stride * config.hop_length, config.n_samples
    sizes = [n_samples // n for n in range(1, MAX_STEPS + 1) if n_samples % (n * stride) == 0]
    return next((size for size in sizes if hop % size == 0), sizes[-1])
