"""Damage of the kinds that disks, cables, careless programs and attackers do, from random numbers."""

import numpy as np

EXTREMES = (0, 1, 0x7F, 0x80, 0xFF)  # of a field's bytes: the first one, before all others 0x00 or 0xff
HEADER = 1024  # bytes in which most fields are
LONGEST = 4096  # bytes that are overwritten or inserted


def flipped(data: bytearray, rng: np.random.Generator) -> None:
    """Flip some bits, in half of all cases in the header."""
    n_places = len(data) if rng.random() < 0.5 else min(HEADER, len(data))
    for place in rng.integers(n_places, size=rng.integers(1, 30)):
        data[place] ^= 1 << int(rng.integers(8))


def overwritten(data: bytearray, rng: np.random.Generator) -> None:
    """Overwrite a run of bytes with one value or with noise."""
    start, n_bytes = _part(data, rng)
    data[start : start + n_bytes] = _filling(n_bytes, rng)


def inserted(data: bytearray, rng: np.random.Generator) -> None:
    """Insert bytes."""
    start, _ = _part(data, rng)
    data[start:start] = _filling(int(rng.integers(1, LONGEST)), rng)


def cut(data: bytearray, rng: np.random.Generator) -> None:
    """End the file early."""
    del data[int(rng.integers(1, len(data))) :]


def removed(data: bytearray, rng: np.random.Generator) -> None:
    """Take out a part of any length."""
    start, end = sorted(map(int, rng.integers(len(data), size=2)))
    del data[max(1, start) : end]


def doubled(data: bytearray, rng: np.random.Generator) -> None:
    """Repeat a part of any length."""
    start, end = sorted(map(int, rng.integers(len(data), size=2)))
    data[end:end] = data[start:end]


def extreme(data: bytearray, rng: np.random.Generator) -> None:
    """Set fields of the header, such as sizes and counts, to their extremes."""
    for _ in range(int(rng.integers(1, 4))):
        size = int(rng.choice([2, 4, 8]))
        place = int(rng.integers(max(1, min(HEADER, len(data)) - size)))
        field = bytes([rng.choice(EXTREMES)]) + bytes([rng.choice([0, 0xFF])]) * (size - 1)
        data[place : place + size] = field if rng.random() < 0.5 else field[::-1]


MUTATIONS = (flipped, overwritten, inserted, cut, removed, doubled, extreme)


def beheaded(data: bytes, other: bytes, rng: np.random.Generator) -> bytearray:
    """Return the header of another file on this one's body."""
    n_bytes = int(rng.integers(4, HEADER))
    return bytearray(other[:n_bytes] + data[n_bytes if rng.random() < 0.5 else 0 :])


def mutated(data: bytes, rng: np.random.Generator, other: bytes = b"") -> tuple[bytes, tuple[str, ...]]:
    """Return damaged bytes, and the names of the one to three kinds of damage.

    Args:
        data: The bytes.
        rng: The random numbers; the same ones do the same damage.
        other: A file whose header may take the place of this one's.
    """
    result, names = bytearray(data), []
    if other and rng.random() < 0.1:
        result, names = beheaded(data, other, rng), ["beheaded"]
    for _ in range(int(rng.choice([1, 1, 2, 3])) - len(names)):
        mutation = MUTATIONS[int(rng.integers(len(MUTATIONS)))]
        if len(result) > 1:
            mutation(result, rng)
            names.append(mutation.__name__)
    return bytes(result), tuple(names)


def _part(data: bytearray, rng: np.random.Generator) -> tuple[int, int]:
    start = int(rng.integers(len(data)))
    return start, int(min(rng.integers(1, LONGEST), len(data) - start))


def _filling(n_bytes: int, rng: np.random.Generator) -> bytes:
    return bytes([rng.integers(256)]) * n_bytes if rng.random() < 0.5 else rng.bytes(n_bytes)
