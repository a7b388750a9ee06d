"""A model's weights on disk: an orbax folder, which can come from a stranger.

Reading it runs no code. Its size is checked before anything is read: against the network's shapes, the bytes on the
disk, and a limit for all models.
"""

import hashlib
import logging
import math
import os
import stat
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from genrestream.errors import CheckpointError, first_line

MAX_PARAMETERS = 250_000_000  # a gigabyte
MAX_EXPANSION = 100  # bytes of weights per byte on the disk; the weights of real networks hardly compress
MAX_FILES = 10_000
STATE_FOLDER, ARRAY_FILE = "state", "/zarr.json"  # where orbax puts arrays: zarr 3 in tensorstore's OCDBT
logger = logging.getLogger(__name__)


class Like(NamedTuple):
    """What an array must be like."""

    shape: tuple[int, ...]
    dtype: np.dtype


def files_of(folder: Path) -> Iterator[Path]:
    """Return a folder's files, at any depth, sorted.

    Raises:
        CheckpointError: An entry is neither a file nor a folder, or links to a place outside.
    """
    found = []
    for place, folders, names in os.walk(folder):
        for path in (Path(place, name) for name in (*folders, *names)):
            if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
                raise CheckpointError(f"{path}: a model's folder may not link to what is outside it; copy the file")
            if not stat.S_ISDIR(mode := path.stat().st_mode) and not stat.S_ISREG(mode):
                raise CheckpointError(f"{path}: a model's folder may only have files; fetch the model again")
        found += [Path(place, name) for name in names]
        if len(found) > MAX_FILES:
            raise CheckpointError(f"{folder}: must have at most {MAX_FILES:,} files; fetch the model again")
    yield from sorted(found)


def digest_of(folder: Path) -> str:
    """Return the SHA-256 of the names, sizes and contents of a folder's files, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for file in files_of(folder):
        digest.update(f"{file.relative_to(folder).as_posix()} {file.stat().st_size}\n".encode())
        with file.open("rb") as content:
            while block := content.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def read_arrays(path: Path, like: Mapping[str, Like]) -> dict[str, np.ndarray]:
    """Load the weights, after checking that they fit the network.

    Args:
        path: The orbax folder.
        like: The network's parameters by name.

    Raises:
        CheckpointError: The weights are unreadable, not finite, or belong to another network.
    """
    path = path.absolute()  # orbax finds no metadata at a relative path
    check_size(path, like)
    try:
        weights = _load(path, like)
    except CheckpointError:
        raise
    except Exception as error:  # orbax and tensorstore raise errors of many types on damaged files
        raise CheckpointError(f"{path}: cannot be read ({_line(error)}); fetch the model again") from error
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise CheckpointError(f"{path}: {name} has values that are not finite numbers; fetch the model again")
    return weights


def check_size(path: Path, like: Mapping[str, Like]) -> None:
    """Make sure that the network is not too large to load, nor too large for what is on the disk.

    Raises:
        CheckpointError: It is.
    """
    n_parameters = sum(math.prod(one.shape) for one in like.values())
    if n_parameters > MAX_PARAMETERS:
        raise CheckpointError(f"{path}: the network has more than {MAX_PARAMETERS:,} parameters")
    n_bytes = sum(file.stat().st_size for file in files_of(path))
    if 4 * n_parameters > MAX_EXPANSION * n_bytes:
        raise CheckpointError(
            f"{path}: {n_bytes:,} bytes cannot hold {n_parameters:,} parameters; fetch the model again"
        )


def _load(path: Path, like: Mapping[str, Like]) -> dict[str, np.ndarray]:
    stored = _opened(path)
    if stored is None:
        return _load_with_orbax(path, like)
    found = {name: Like(tuple(one.shape), one.dtype.numpy_dtype) for name, one in stored.items()}
    _compare(path, like, found, {name: one.chunk_layout.read_chunk.shape for name, one in stored.items()})
    reading = {name: one.read() for name, one in stored.items()}
    return {name: np.asarray(array.result()) for name, array in reading.items()}


def _opened(path: Path) -> dict[str, Any] | None:
    """Open the arrays where orbax puts them today; None where they are stored otherwise, or damaged.

    Tensorstore alone reads in 0.2 s what takes orbax more than a second, most of it to import jax.
    """
    base = {"driver": "ocdbt", "base": {"driver": "file", "path": f"{path / STATE_FOLDER}/"}}
    try:
        import tensorstore

        keys = tensorstore.KvStore.open(base).result().list().result()
        names = [key.decode().removesuffix(ARRAY_FILE) for key in keys if key.endswith(ARRAY_FILE.encode())]
        specs = {name: {"driver": "zarr3", "kvstore": {**base, "path": f"{name}/"}} for name in names}
        opening = {name: tensorstore.open(spec, open=True, read=True) for name, spec in specs.items()}
        return {name: one.result() for name, one in opening.items()} or None
    except Exception as error:  # tensorstore raises errors of many types; orbax reads, or says what is wrong
        logger.debug("%s: orbax reads it (%s)", path, error)
        return None


def _load_with_orbax(path: Path, like: Mapping[str, Like]) -> dict[str, np.ndarray]:
    ocp = orbax()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # orbax warns that no sharding is given: one host, one copy
        stored = ocp.metadata(path).metadata
        found = {name: Like(tuple(leaf.shape), np.dtype(leaf.dtype)) for name, leaf in stored.items()}
        pieces = {
            name: leaf.storage_metadata.chunk_shape if leaf.storage_metadata else None for name, leaf in stored.items()
        }
        _compare(path, like, found, pieces)
        return {name: np.asarray(array) for name, array in ocp.load(path).items()}


def _compare(
    path: Path, like: Mapping[str, Like], found: Mapping[str, Like], pieces: Mapping[str, tuple[int, ...] | None]
) -> None:
    """Make sure that the stored arrays are the network's, in pieces that need no more memory than the whole."""
    if found != dict(like):
        odd = sorted(map(repr, (name for name in found.keys() | like if found.get(name) != like.get(name))))
        raise CheckpointError(f"{path}: the weights are of another network, {odd[0].strip(chr(39))} differs")
    for name, shape in pieces.items():
        if math.prod(shape or ()) > max(1, math.prod(like[name].shape)):
            raise CheckpointError(f"{path}: {name} must be stored in pieces no larger than itself")


def _line(error: Exception) -> str:
    """Return the first line of an error's text, shortened and safe to print."""
    return "".join(letter if letter.isprintable() else "?" for letter in first_line(error)[:200])


def orbax() -> Any:
    """Import orbax only where weights are read or written: a warm start needs neither, and saves half a second."""
    logging.getLogger("absl").setLevel(logging.ERROR)
    from orbax.checkpoint import v1 as ocp

    return ocp
