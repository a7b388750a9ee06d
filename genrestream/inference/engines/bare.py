"""A model's functions on XLA's runtime alone: from the user's cache, or compiled from a traced one of the package."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from genrestream.inference.checkpoint import Checkpoint, read_weights
from genrestream.inference.engines import runtime
from genrestream.inference.engines.machine import processor
from genrestream.inference.engines.stored import RESULT, Kind, program_file, read_program, unpacked, write_program
from genrestream.inference.engines.traced import Traced, read_traced, traced_file

TOLERANCE = 1e-3  # of the results for silence, on another processor than the one that traced
Weights = dict[str, np.ndarray]
logger = logging.getLogger(__name__)


class Bare:
    """The functions of a model on the bare runtime; see ``bare``.

    Args:
        checkpoint: The model.
        device: What runs them.
        function: For a single chunk.
        weights: The model's weights by name.
    """

    def __init__(self, checkpoint: Checkpoint, device: runtime.Runtime, function: runtime.Function, weights: Weights):
        self._checkpoint, self._runtime, self._lock = checkpoint, device, threading.Lock()
        self._functions: dict[tuple[Kind, int], Any] = {("batch", 1): function}
        self._floats = unpacked(weights)
        self._weights = [device.put(self._floats[name]) for name in sorted(self._floats)]  # as jax orders them

    def has(self, kind: Kind, size: int) -> bool:
        """Whether there is such a function."""
        with self._lock:
            if (kind, size) not in self._functions:
                self._functions[kind, size] = self._loaded(kind, size) or self._compiled(kind, size)
            return self._functions[kind, size] is not None

    def run(self, kind: Kind, size: int, *inputs: Any) -> tuple[np.ndarray, Any]:
        """Return the logits, on the host, and what the next chunk needs, on the device.

        Args:
            kind: Which function; it must be there.
            size: Chunks of the batch, new frames of the next chunk, or samples of the step.
            *inputs: What it takes: samples; then what was kept; of the next chunk, how many frames later it starts.
        """
        buffers = []
        for one in inputs:
            buffers += one if isinstance(one, tuple) else [self._runtime.put(np.asarray(one))]
        logits, *kept = self._functions[kind, size]([*self._weights, *buffers])
        return self._runtime.get(logits), tuple(kept)

    def _loaded(self, kind: Kind, size: int) -> Any:
        if not (found := read_program(_file(self._checkpoint, kind, size))):
            return None
        try:
            return self._runtime.load(found[0], _split(found[1])[0])
        except Exception as error:
            logger.debug("%s %d: cannot be used (%s)", kind, size, error)
            return None

    def _compiled(self, kind: Kind, size: int) -> Any:
        file = traced_file(self._checkpoint, kind, size)
        if file is None or not file.is_file():
            return None
        try:
            traced = read_traced(file)
            function, executable = self._runtime.compile(traced.program, _shapes(traced.results))
            results = _checked(self._runtime, function, self._floats, traced)
            store_bare(self._checkpoint, kind, size, executable, self._floats, traced.inputs, results)
            return function
        except Exception as error:
            logger.debug("%s: cannot be used (%s)", file, error)
            return None


def bare(checkpoint: Checkpoint) -> Bare | None:
    """Return a model's functions on the bare runtime; None where jax must make them, or fails to do it here."""
    return _stored(checkpoint) or _from_package(checkpoint)


def _stored(checkpoint: Checkpoint) -> Bare | None:
    if not (found := read_program(_file(checkpoint, "batch", 1))):
        return None
    try:
        device, (results, weights) = runtime.Runtime(), _split(found[1])
        return Bare(checkpoint, device, device.load(found[0], results), weights)
    except Exception as error:  # jaxlib may raise any error; jax then does the work
        logger.debug("%s: cannot be used (%s)", checkpoint.path, error)
        return None


def _from_package(checkpoint: Checkpoint) -> Bare | None:
    file = traced_file(checkpoint, "batch", 1)
    if file is None or not file.is_file() or not runtime.is_usable():
        return None
    try:
        traced, device = read_traced(file), runtime.Runtime()
        with ThreadPoolExecutor(1) as pool:  # orbax is imported, and reads, while XLA compiles
            loading = pool.submit(read_weights, checkpoint, traced.weights)
            function, executable = device.compile(traced.program, _shapes(traced.results))
            weights = loading.result()
        results = _checked(device, function, unpacked(weights), traced)
        store_bare(checkpoint, "batch", 1, executable, weights, traced.inputs, results)
        return Bare(checkpoint, device, function, weights)
    except Exception as error:  # jax then does the work, or says what is wrong
        logger.debug("%s: cannot be used (%s)", file, error)
        return None


def _checked(device: runtime.Runtime, function: runtime.Function, floats: Weights, traced: Traced) -> list[np.ndarray]:
    """Return what a function that was just compiled gives for silence; an AssertionError where jax gave another."""
    results = _results(device, function, floats, traced.inputs)
    for one, expected in zip(results, traced.results, strict=True):
        np.testing.assert_allclose(one, expected, atol=TOLERANCE)
    return results


def store_bare(
    checkpoint: Checkpoint,
    kind: Kind,
    size: int,
    executable: bytes,
    weights: Weights,
    inputs: list[np.ndarray],
    results: list[np.ndarray],
) -> bool:
    """Store a function if the bare runtime gives the same results again; return whether it does.

    Args:
        checkpoint: The model.
        kind: Which function.
        size: Chunks of the batch, new frames of the next chunk, or samples of the step.
        executable: What XLA serialized.
        weights: The model's weights by name; stored with the function for a single chunk.
        inputs: What the function takes after the weights, one after the other.
        results: What it returned for that when it was compiled.
    """
    file = _file(checkpoint, kind, size)
    if file is None:
        return False
    shapes = _shapes(results)
    try:
        device = runtime.Runtime()
        again = _results(device, device.load(executable, shapes), unpacked(weights), inputs)
        for one, other in zip(again, results, strict=True):
            np.testing.assert_array_equal(one, other)
    except Exception as error:  # another jaxlib than was tried; jax then does the work at each start
        logger.debug("%s: not stored (%s)", file, error)
        return False
    named = {f"{RESULT}{number}": one for number, one in enumerate(shapes)}
    write_program(file, executable, named | (weights if (kind, size) == ("batch", 1) else {}))
    return True


def _results(
    device: runtime.Runtime, function: runtime.Function, floats: Weights, inputs: list[np.ndarray]
) -> list[np.ndarray]:
    arguments = [*(floats[name] for name in sorted(floats)), *inputs]
    return [device.get(one) for one in function([device.put(one) for one in arguments])]


def _shapes(results: list[np.ndarray]) -> list[np.ndarray]:
    """Return arrays that say the types and shapes of results, without their values."""
    return [np.zeros((0, *one.shape), one.dtype) for one in results]


def _file(checkpoint: Checkpoint, kind: Kind, size: int) -> Path | None:
    if not runtime.is_usable():
        return None
    return program_file(checkpoint, kind, size, f"bare {runtime.version()}\n{processor()}")


def _split(arrays: dict[str, np.ndarray]) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    """Return the results' shapes, and the weights."""
    results = [array for name, array in arrays.items() if name.startswith(RESULT)]
    return results, {name: array for name, array in arrays.items() if not name.startswith(RESULT)}
