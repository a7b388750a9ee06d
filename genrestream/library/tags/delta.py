"""What a change of a file took away: enough to get every byte of the file back, and little more than its tag.

A tag grows or shrinks and what follows it moves, or it stands at the end; and some bytes change elsewhere: lengths in
headers, in Ogg the number and checksum of each page. So the old file is what it has in common with the new one, laid
together at their beginnings or at their ends, with some bytes changed, and a part of its own.
"""

import json
import struct
import zlib

import numpy as np

GAP = 16  # equal bytes between two changed ones that are stored with them: a run costs more
HEAD = struct.Struct("<I")
MAX_BYTES = 4 << 30


def taken_away(old: bytes, new: bytes) -> bytes:
    """Return what ``restored`` needs to make the old file of the new one."""
    n = min(len(old), len(new))
    differs = np.flatnonzero(_array(old)[:n] != _array(new)[:n])
    first = int(differs[0]) if len(differs) else n
    n_end = n - first
    at_end = _stored(
        _array(old)[len(old) - n_end :], _array(new)[len(new) - n_end :], first, old[first : len(old) - n_end]
    )
    at_start = _stored(_array(old)[:n], _array(new)[:n], 0, old[n:], at_end=False)
    return min(at_end, at_start, key=len)


def _stored(old: np.ndarray, new: np.ndarray, first: int, own: bytes, at_end: bool = True) -> bytes:
    places = np.flatnonzero(old != new)
    starts = places[np.diff(places, prepend=-GAP - 1) > GAP]
    ends = places[np.diff(places, append=len(old) + GAP + 1) > GAP] + 1
    changed = b"".join(old[start:end].tobytes() for start, end in zip(starts, ends, strict=True))
    runs = np.stack([np.diff(starts, prepend=0), ends - starts], axis=1).ravel().tolist()
    fields = {"at_end": at_end, "first": first, "own": len(own), "common": len(old), "runs": runs}
    head = json.dumps(fields, separators=(",", ":")).encode()
    return zlib.compress(HEAD.pack(len(head)) + head + own + changed, 6)


def restored(new: bytes, undo: bytes) -> bytes:
    """Return the old file.

    Raises:
        ValueError: The new file is not the one that the change made, or the log is damaged.
    """
    try:
        text = zlib.decompressobj().decompress(undo, MAX_BYTES)
        (n_head,) = HEAD.unpack_from(text)
        fields, body = json.loads(text[HEAD.size : HEAD.size + n_head]), text[HEAD.size + n_head :]
        first, n_own, n_common = fields["first"], fields["own"], fields["common"]
        if first + n_common > len(new):
            raise ValueError("the file is too short")
        start = len(new) - n_common if fields["at_end"] else 0
        common, at, place = bytearray(new[start : start + n_common]), n_own, 0
        for step, length in zip(fields["runs"][::2], fields["runs"][1::2], strict=True):
            place += step
            common[place : place + length] = body[at : at + length]
            at += length
        own = body[:n_own]
        return new[:first] + own + bytes(common) if fields["at_end"] else bytes(common) + own
    except (zlib.error, struct.error, KeyError, TypeError) as error:
        raise ValueError(f"the log is damaged ({error})") from error


def _array(content: bytes) -> np.ndarray:
    return np.frombuffer(content, np.uint8)
