"""A model's functions compiled by jax, for any device."""

import logging
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from genrestream.errors import CheckpointError, first_line
from genrestream.inference.checkpoint import Checkpoint
from genrestream.inference.engines import runtime
from genrestream.inference.engines.backend import check_device, fingerprint, jax, settings_blamed
from genrestream.inference.engines.bare import store_bare
from genrestream.inference.engines.stored import Kind, program_file, read_program, unpacked, write_program
from genrestream.inference.overlap import log_mel_config
from genrestream.inference.weights import check_size

MAX_MEMORY = 2 << 30  # bytes of working memory that the network may need for one chunk

Weights = dict[str, Any]
Function = Callable[..., Any]
Shapes = tuple[Any, ...]  # of what a function takes after the weights
logger = logging.getLogger(__name__)


class Compiled:
    """The functions of a model, each compiled or read from the cache when it is first needed.

    Args:
        checkpoint: The model.

    Raises:
        CheckpointError: The network is unknown, or the weights do not fit it.
        UsageError: JAX cannot compute here.
    """

    def __init__(self, checkpoint: Checkpoint):
        check_device()
        self._checkpoint, self._lock = checkpoint, threading.Lock()
        with settings_blamed(), jax.disable_jit(False):  # with JAX_DISABLE_JIT set nothing compiled runs
            shapes = (_chunks(checkpoint, 1),)
            function, weights = _stored_with_weights(checkpoint, shapes) or _made_with_weights(checkpoint, shapes)
            self._weights = jax.device_put(unpacked(weights))
        self._functions: dict[tuple[Kind, int], Function] = {("batch", 1): function}

    @property
    def is_on_cpu(self) -> bool:
        """Whether it computes on the CPU."""
        return jax.default_backend() == "cpu"

    def run(self, kind: Kind, size: int, *inputs: Any) -> tuple[np.ndarray, Any]:
        """Return the logits, on the host, and what the next chunk needs, on the device.

        Args:
            kind: Which function.
            size: Chunks of the batch, new frames of the next chunk, or samples of the step.
            *inputs: What it takes: samples; then what was kept; of the next chunk, how many frames later it starts.
        """
        with self._lock, settings_blamed(), jax.disable_jit(False):
            if (kind, size) not in self._functions:
                self._functions[kind, size] = _obtained(self._checkpoint, kind, size, self._weights, inputs)
            function = self._functions[kind, size]
        with jax.disable_jit(False):
            logits, kept = function(self._weights, *jax.device_put(inputs))
            return jax.device_get(logits), kept


def _stored_with_weights(checkpoint: Checkpoint, shapes: Shapes) -> tuple[Function, Weights] | None:
    found = read_program(program_file(checkpoint, "batch", 1, fingerprint()))
    return _loaded(checkpoint, found[0], (found[1], *shapes)) if found else None


def _made_with_weights(checkpoint: Checkpoint, shapes: Shapes) -> tuple[Function, Weights]:
    """Build the network and compile it for one chunk; keep function and weights."""
    # Imports flax, which a warm start does not need.
    from genrestream.inference.network import likes_of, load_weights

    like = likes_of(checkpoint.card)
    check_size(checkpoint.weights, like)  # before anything is compiled for it
    like_weights = {
        name: jax.ShapeDtypeStruct(one.shape, np.float32 if one.dtype == np.int8 else one.dtype)
        for name, one in like.items()
    }
    with ThreadPoolExecutor(1) as pool:  # orbax is imported, and reads, while XLA compiles
        loading = pool.submit(load_weights, checkpoint)
        function = _compile(checkpoint, "batch", 1, like_weights, shapes)
        weights = loading.result()
    _store(checkpoint, "batch", 1, function, unpacked(weights), shapes, weights)
    return function, weights


def _obtained(checkpoint: Checkpoint, kind: Kind, size: int, weights: Weights, inputs: tuple[Any, ...]) -> Function:
    """Return the compiled function for such inputs, from the cache if it is there."""
    shapes = jax.tree.map(lambda array: jax.ShapeDtypeStruct(array.shape, array.dtype), inputs)
    found = read_program(program_file(checkpoint, kind, size, fingerprint()))
    if found and (loaded := _loaded(checkpoint, found[0], (weights, *shapes))):
        return loaded[0]
    function = _compile(checkpoint, kind, size, weights, shapes)
    _store(checkpoint, kind, size, function, weights, shapes, {})
    return function


def _compile(checkpoint: Checkpoint, kind: Kind, size: int, weights: Weights, shapes: Shapes) -> Function:
    """Build the network and compile it; the weights may be shapes alone."""
    from genrestream.inference.network import batch_function, next_function, step_function

    functions = {"batch": batch_function, "next": lambda card: next_function(card, size), "step": step_function}
    function = functions[kind](checkpoint.card)
    # A unique name avoids XLA's cache: a program from there cannot be serialized completely.
    function.__name__ = f"logits_{secrets.token_hex(4)}"
    try:
        lowered = jax.jit(function, keep_unused=True).lower(weights, *shapes)
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"{checkpoint.path}: its front end does not fit its network ({first_line(error)})"
        ) from error
    compiled = _quickly_compiled(lowered)
    memory = compiled.memory_analysis()
    if memory is not None and memory.temp_size_in_bytes > MAX_MEMORY * shapes[0].shape[0]:
        raise CheckpointError(f"{checkpoint.path}: a chunk would take over {MAX_MEMORY >> 30} GiB; make it smaller")
    return compiled


def _quickly_compiled(lowered: Any) -> Any:
    if jax.default_backend() == "cpu":
        try:
            return lowered.compile(compiler_options=runtime.QUICK)
        except Exception as error:  # options of XLA come and go
            logger.debug("not compiled with %s (%s)", runtime.QUICK, error)
    return lowered.compile()


def _chunks(checkpoint: Checkpoint, n_chunks: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((n_chunks, checkpoint.card.frontend.n_samples), np.float32)


def _store(
    checkpoint: Checkpoint,
    kind: Kind,
    size: int,
    compiled: Any,
    weights: Weights,
    shapes: Shapes,
    stored_too: Weights,
) -> None:
    """Store the compiled function, for the bare runtime or else for jax, if it then gives the same result."""
    if (file := program_file(checkpoint, kind, size, fingerprint())) is None:
        return
    zeros = jax.tree.map(lambda shape: np.zeros(shape.shape, shape.dtype), shapes)
    try:
        expected = jax.tree.map(np.asarray, compiled(weights, *zeros))
        if runtime.is_usable():
            raw = compiled.runtime_executable().serialize()
            on_host = stored_too or {name: np.asarray(array) for name, array in weights.items()}
            leaves = jax.tree.leaves(zeros), jax.tree.leaves(expected)
            if store_bare(checkpoint, kind, size, raw, on_host, *leaves):
                return
        from jax.experimental.serialize_executable import serialize

        executable, _, _ = serialize(compiled)
        again, _ = _loaded(checkpoint, executable, (weights, *shapes)) or (None, None)
        assert again
        jax.tree.map(np.testing.assert_array_equal, again(weights, *zeros), expected)
    except Exception as error:  # experimental parts of JAX; if they fail, the next start compiles again
        logger.debug("%s: not cached (%s)", file, error)
        return
    write_program(file, executable, stored_too)


def _loaded(checkpoint: Checkpoint, executable: bytes, arguments: tuple[Any, ...]) -> tuple[Function, Weights] | None:
    """Return a stored function and the weights, the first of its arguments; None where it cannot be loaded."""
    try:
        from jax.experimental.serialize_executable import deserialize_and_load

        inputs = jax.tree.structure((arguments, {}))
        card = checkpoint.card
        kept = (0,) if card.is_stateful else (0, 0) if log_mel_config(card) else ()
        results = jax.tree.structure((0, kept))  # the logits, and what is kept
        return deserialize_and_load(executable, inputs, results, execution_devices=jax.devices()[:1]), arguments[0]
    except Exception as error:  # JAX may raise any error; the function is then compiled again
        logger.debug("%s: cannot be used (%s)", checkpoint.path, error)
        return None
