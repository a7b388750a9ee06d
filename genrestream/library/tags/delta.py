"""What a change of a file took away: enough to restore every byte of the file, and little larger than its tag.

A tag grows or shrinks and what follows it moves, or the tag is at the end; and some bytes change elsewhere: lengths in
headers, in Ogg the number and checksum of each page. So the old file is what it has in common with the new one, aligned
at their beginnings or at their ends, with some bytes changed, and a part of its own.
"""

import json
import struct
import zlib
from typing import Any

import numpy as np

GAP = 16  # equal bytes between two changed ones that are stored with them: a run costs more
HEAD = struct.Struct("<I")
MAX_BYTES = 1 << 30  # of a file: the old and the new one are in memory, and copies of both
BLOCK = 1 << 20  # bytes that are compared at once
RUN_COST = 16  # bytes that a run of changed ones takes in the log


def taken_away(old: bytes, new: bytes) -> bytes:
    """Return what ``restored`` needs to make the old file of the new one."""
    n = min(len(old), len(new))
    first = _first_difference(_array(old)[:n], _array(new)[:n])
    stored = [_stored(old, new, first, n - first, at_end=True), _stored(old, new, 0, n, at_end=False)]
    own = memoryview(old)[first:]
    return min(filter(None, stored), key=len, default=b"") or _packed(True, first, own, 0, [])


def _first_difference(old: np.ndarray, new: np.ndarray) -> int:
    for at in range(0, len(old), BLOCK):
        differs = old[at : at + BLOCK] != new[at : at + BLOCK]
        if differs.any():
            return at + int(differs.argmax())
    return len(old)


def _stored(old: bytes, new: bytes, first: int, n_common: int, at_end: bool) -> bytes | None:
    """Return the log for one alignment; None if that explains too little of the file."""
    old_at, new_at = (len(old) - n_common, len(new) - n_common) if at_end else (0, 0)
    common = _array(old)[old_at : old_at + n_common]
    runs = _runs(common, _array(new)[new_at : new_at + n_common], max_cost=BLOCK // 16 + len(old) // 8)
    if runs is None:
        return None
    starts, ends = runs
    changed = [common[start:end] for start, end in zip(starts, ends, strict=True)]
    own = memoryview(old)[first:old_at] if at_end else memoryview(old)[n_common:]
    steps = np.stack([np.diff(starts, prepend=0), ends - starts], axis=1).ravel().tolist()
    return _packed(at_end, first, own, n_common, steps, np.concatenate(changed) if changed else b"")


def _runs(old: np.ndarray, new: np.ndarray, max_cost: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Return where runs of changed bytes start and end; None if they cost too much."""
    starts, ends, cost = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], 0
    for at in range(0, len(old), BLOCK):
        places = np.flatnonzero(old[at : at + BLOCK] != new[at : at + BLOCK])
        starts.append(at + places[np.diff(places, prepend=-GAP - 1) > GAP])
        ends.append(at + places[np.diff(places, append=BLOCK + GAP + 1) > GAP] + 1)
        cost += RUN_COST * len(starts[-1]) + int((ends[-1] - starts[-1]).sum())
        if cost > max_cost:
            return None
    return np.concatenate(starts), np.concatenate(ends)


def _packed(at_end: bool, first: int, own: memoryview, n_common: int, runs: list[int], changed: Any = b"") -> bytes:
    fields = {"at_end": at_end, "first": first, "own": len(own), "common": n_common, "runs": runs}
    head = json.dumps(fields, separators=(",", ":")).encode()
    packer = zlib.compressobj(6)
    parts = (HEAD.pack(len(head)), head, own, changed)
    return b"".join([*map(packer.compress, parts), packer.flush()])


def restored(new: bytes, undo: bytes) -> bytes:
    """Return the old file.

    Raises:
        ValueError: The new file is not the one that the change made, or the log is damaged.
    """
    try:
        text = memoryview(zlib.decompressobj().decompress(undo, MAX_BYTES))
        (n_head,) = HEAD.unpack_from(text)
        fields, body = json.loads(bytes(text[HEAD.size : HEAD.size + n_head])), text[HEAD.size + n_head :]
        first, n_own, n_common = fields["first"], fields["own"], fields["common"]
        if first + n_common > len(new):
            raise ValueError("the file is too short")
        own, common = body[:n_own], memoryview(new)[len(new) - n_common if fields["at_end"] else 0 :][:n_common]
        old = bytearray().join((memoryview(new)[:first], own, common) if fields["at_end"] else (common, own))
        place, at = first + n_own if fields["at_end"] else 0, n_own
        for step, length in zip(fields["runs"][::2], fields["runs"][1::2], strict=True):
            place += step
            old[place : place + length] = body[at : at + length]
            at += length
        return bytes(old)
    except (zlib.error, struct.error, KeyError, TypeError) as error:
        raise ValueError(f"the log is damaged ({error})") from error


def _array(content: bytes) -> np.ndarray:
    return np.frombuffer(content, np.uint8)
