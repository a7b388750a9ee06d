"""A model's functions on XLA's runtime alone: written where jax compiled one, used at each later start."""

import logging
import threading
from pathlib import Path
from typing import Any

import numpy as np

from genrestream.inference.checkpoint import Checkpoint
from genrestream.inference.engines import runtime
from genrestream.inference.engines.machine import processor
from genrestream.inference.engines.stored import Kind, program_file, read_program, unpacked, write_program

RESULT = " result "  # before a result's number
logger = logging.getLogger(__name__)


class Bare:
    """The functions of a model that were stored for the bare runtime; see ``stored_bare``."""

    def __init__(self, checkpoint: Checkpoint, executable: bytes, arrays: dict[str, np.ndarray]):
        self._checkpoint, self._runtime, self._lock = checkpoint, runtime.Runtime(), threading.Lock()
        results, weights = _split(arrays)
        self._functions: dict[tuple[Kind, int], Any] = {("batch", 1): self._runtime.load(executable, results)}
        floats = unpacked(weights)
        self._weights = [self._runtime.put(floats[name]) for name in sorted(floats)]  # as jax orders them

    def has(self, kind: Kind, size: int) -> bool:
        """Whether there is such a function."""
        with self._lock:
            if (kind, size) not in self._functions:
                self._functions[kind, size] = self._loaded(kind, size)
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


def stored_bare(checkpoint: Checkpoint) -> Bare | None:
    """Return a model's functions on the bare runtime; None where the one for a single chunk is missing or fails."""
    if not (found := read_program(_file(checkpoint, "batch", 1))):
        return None
    try:
        return Bare(checkpoint, *found)
    except Exception as error:  # jaxlib may raise any error; jax then does the work
        logger.debug("%s: cannot be used (%s)", checkpoint.path, error)
        return None


def store_bare(
    checkpoint: Checkpoint,
    kind: Kind,
    size: int,
    executable: bytes,
    weights: dict[str, np.ndarray],
    inputs: list[np.ndarray],
    results: list[np.ndarray],
) -> bool:
    """Store a function if the bare runtime gives the same results as jax; return whether it does.

    Args:
        checkpoint: The model.
        kind: Which function.
        size: Chunks of the batch, new frames of the next chunk, or samples of the step.
        executable: What XLA serialized.
        weights: The model's weights by name; stored with the function for a single chunk.
        inputs: What the function takes after the weights, one after the other.
        results: What it returned for that through jax.
    """
    file = _file(checkpoint, kind, size)
    if file is None:
        return False
    shapes = {f"{RESULT}{number}": np.zeros((0, *one.shape), one.dtype) for number, one in enumerate(results)}
    floats = unpacked(weights)
    try:
        device = runtime.Runtime()
        function = device.load(executable, list(shapes.values()))
        again = function([device.put(one) for one in (*(floats[name] for name in sorted(floats)), *inputs)])
        for one, other in zip(again, results, strict=True):
            np.testing.assert_array_equal(device.get(one), other)
    except Exception as error:  # another jaxlib than was tried; jax then does the work at each start
        logger.debug("%s: not stored (%s)", file, error)
        return False
    write_program(file, executable, shapes | (weights if (kind, size) == ("batch", 1) else {}))
    return True


def _file(checkpoint: Checkpoint, kind: Kind, size: int) -> Path | None:
    if not runtime.is_usable():
        return None
    return program_file(checkpoint, kind, size, f"bare {runtime.version()}\n{processor()}")


def _split(arrays: dict[str, np.ndarray]) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    """Return the results' shapes, and the weights."""
    results = [array for name, array in arrays.items() if name.startswith(RESULT)]
    return results, {name: array for name, array in arrays.items() if not name.startswith(RESULT)}
