"""The traced functions of shipped models: with them the first start builds no network, XLA only compiles one.

A function is StableHLO as ``jax.export`` writes it, without weights, and what it returns for silence. It becomes
machine code, which a stranger may not hand over; so it is taken from shipped models alone. ``python -m
train.publish.traced`` writes the files: again after each change of what the networks compute.

::

    checkpoints/musicnn/traced/batch-1.z    for a single chunk; next-63.z for the next chunk at a hop of 1 s
"""

import dataclasses
import zlib
from pathlib import Path

import numpy as np

from genrestream.files import replacing
from genrestream.inference import shipped
from genrestream.inference.checkpoint import Checkpoint, Like
from genrestream.inference.engines.packing import from_bytes, to_bytes
from genrestream.inference.engines.stored import EXECUTABLE, RESULT, Kind

FOLDER = "traced"
WEIGHT, INPUT = " weight ", " input "  # before a weight's name and an input's number


@dataclasses.dataclass(frozen=True)
class Traced:
    """A traced function.

    Attributes:
        program: StableHLO, serialized.
        weights: The model's weights by name; as float32, in the order of their names, they are the first arguments.
        inputs: Other arguments, to try it with.
        results: What it returns for them.
    """

    program: bytes
    weights: dict[str, Like]
    inputs: list[np.ndarray]
    results: list[np.ndarray]


def traced_file(checkpoint: Checkpoint, kind: Kind, size: int) -> Path | None:
    """Return where the traced function of a shipped model is; None of other models."""
    name = checkpoint.path.name
    if name not in shipped.names() or shipped.find(name).resolve() != checkpoint.path.resolve():
        return None
    return checkpoint.path / FOLDER / f"{kind}-{size}.z"


def write_traced(file: Path, traced: Traced) -> None:
    """Write a traced function."""
    arrays = {EXECUTABLE: np.frombuffer(traced.program, np.uint8)}
    arrays |= {f"{WEIGHT}{name}": np.zeros((0, *one.shape), one.dtype) for name, one in traced.weights.items()}
    arrays |= {f"{INPUT}{number}": one for number, one in enumerate(traced.inputs)}
    arrays |= {f"{RESULT}{number}": one for number, one in enumerate(traced.results)}
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as whole:
        whole.write(zlib.compress(to_bytes(arrays), 9))


def read_traced(file: Path) -> Traced:
    """Return what ``write_traced`` wrote; any exception where it is missing or damaged."""
    arrays = from_bytes(zlib.decompress(file.read_bytes()))
    parts = {
        prefix: {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        for prefix in (WEIGHT, INPUT, RESULT)
    }
    return Traced(
        arrays[EXECUTABLE].tobytes(),
        {name: Like(array.shape[1:], array.dtype) for name, array in parts[WEIGHT].items()},
        list(parts[INPUT].values()),
        list(parts[RESULT].values()),
    )
