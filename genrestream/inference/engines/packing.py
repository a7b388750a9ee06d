"""Arrays by name in one block of bytes that is used in place: no copy, no check of each array, as ``.npz`` needs."""

import json
from collections.abc import Mapping

import numpy as np

ALIGNED = 64  # bytes; XLA copies arrays that begin elsewhere


def to_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return the arrays' types, shapes and places as JSON in a first line, and their bytes after it."""
    entries, pieces, place = {}, [], 0
    for name, array in arrays.items():
        entries[name] = [array.dtype.str, array.shape, place]
        body = np.ascontiguousarray(array).tobytes()
        pieces.append(body + bytes(-len(body) % ALIGNED))
        place += len(pieces[-1])
    return json.dumps(entries).encode() + b"\n" + b"".join(pieces)


def from_bytes(body: bytes) -> dict[str, np.ndarray]:
    """Return the arrays that ``to_bytes`` wrote, read-only."""
    line = body.index(b"\n")
    place = line + 1
    data = np.frombuffer(body, np.uint8, offset=place)
    if data.ctypes.data % ALIGNED:
        aligned = np.empty(len(data) + ALIGNED, np.uint8)
        shift = -aligned.ctypes.data % ALIGNED
        aligned[shift : shift + len(data)] = data
        data = aligned[shift : shift + len(data)]
    arrays = {}
    for name, (dtype, shape, at) in json.loads(body[:line]).items():
        n_bytes = np.dtype(dtype).itemsize * int(np.prod(shape, dtype=int))
        arrays[name] = data[at : at + n_bytes].view(dtype).reshape(shape)
    return arrays
