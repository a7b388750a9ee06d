"""Compiled functions in the user's cache, under a digest of everything that determines them."""

import hashlib
import logging
from pathlib import Path
from typing import Any, Literal

import numpy as np

from genrestream.files import PACKAGE
from genrestream.inference.cache_folder import cache_folder, read_private, write_private
from genrestream.inference.checkpoint import CARD_FILE, Checkpoint
from genrestream.inference.engines.packing import from_bytes, to_bytes

MAX_PROGRAMS = 32
EXECUTABLE, RESULT = " executable", " result "  # no parameter's name begins with a space; a result's number follows
# Of a function: independent chunks, the next chunk of a stream, or the next samples after a state.
Kind = Literal["batch", "next", "step"]
logger = logging.getLogger(__name__)


def program_file(checkpoint: Checkpoint, kind: Kind, size: int, machine: str) -> Path | None:
    """Name a function's file by a digest of the card (with the weights' digest), this code, and the machine.

    Args:
        checkpoint: The model.
        kind: Which function.
        size: Chunks of the batch, new frames of the next chunk, or samples of the step.
        machine: What else the compiled code depends on.
    """
    folder = cache_folder("programs")
    if folder is None:
        return None
    digest = hashlib.sha256(f"{kind} {size}\n{machine}".encode())
    for part in (checkpoint.path / CARD_FILE, *sorted(PACKAGE.glob("**/*.py"))):
        digest.update(hashlib.sha256(part.read_bytes()).digest())
    return folder / f"{digest.hexdigest()[:32]}.program"


def write_program(file: Path, executable: bytes, arrays: dict[str, np.ndarray]) -> None:
    """Write a function and arrays that belong to it."""
    write_private(file, to_bytes({EXECUTABLE: np.frombuffer(executable, np.uint8), **arrays}), MAX_PROGRAMS)


def read_program(file: Path | None) -> tuple[bytes, dict[str, np.ndarray]] | None:
    """Return what ``write_program`` wrote, or None where it is missing or damaged."""
    if file is None or (body := read_private(file)) is None:
        return None
    try:
        arrays = from_bytes(body)
        return arrays.pop(EXECUTABLE).tobytes(), arrays
    except (ValueError, KeyError, TypeError) as error:
        logger.debug("%s: cannot be used (%s)", file, error)
        return None


def unpacked(weights: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return the weights with kernels of 8-bit integers as float32: once, not at each chunk."""
    return {
        name: np.float32(array) * weights[f"{name.removesuffix('kernel')}scale"] if array.dtype == np.int8 else array
        for name, array in weights.items()
    }
