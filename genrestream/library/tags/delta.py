"""What a change of a file took away: enough to get every byte of the file back, and little more than its tag.

A tag grows or shrinks, and what follows it moves. In Ogg a page's number and checksum change as well, all through the
file. So the old file is: what both files begin with, a part of its own, and the new file's end with some bytes changed.
"""

import json
import struct
import zlib

import numpy as np

GAP = 16  # equal bytes between two changed ones that are stored with them: a run costs more
HEAD = struct.Struct("<I")
MAX_BYTES = 1 << 30


def taken_away(old: bytes, new: bytes) -> bytes:
    """Return what ``restored`` needs to make the old file of the new one."""
    first = _n_alike(old, new)
    n_end = min(len(old), len(new)) - first
    old_end, new_end = (np.frombuffer(one, np.uint8)[len(one) - n_end :] for one in (old, new))
    places = np.flatnonzero(old_end != new_end)
    starts = places[np.diff(places, prepend=-GAP - 1) > GAP] if len(places) else places
    ends = places[np.diff(places, append=n_end + GAP + 1) > GAP] + 1 if len(places) else places
    body = old[first : len(old) - n_end] + b"".join(
        old_end[start:end].tobytes() for start, end in zip(starts, ends, strict=True)
    )
    steps = np.stack([np.diff(starts, prepend=0), ends - starts], axis=1) if len(places) else np.empty((0, 2), int)
    fields = {"first": first, "own": len(old) - n_end - first, "end": n_end, "runs": steps.ravel().tolist()}
    head = json.dumps(fields, separators=(",", ":")).encode()
    return zlib.compress(HEAD.pack(len(head)) + head + body, 6)


def restored(new: bytes, undo: bytes) -> bytes:
    """Return the old file.

    Raises:
        ValueError: The new file is not the one that the change made, or the log is damaged.
    """
    inflate = zlib.decompressobj()
    try:
        text = inflate.decompress(undo, MAX_BYTES)
        (n_head,) = HEAD.unpack_from(text)
        fields, body = json.loads(text[HEAD.size : HEAD.size + n_head]), text[HEAD.size + n_head :]
        first, own, n_end = fields["first"], fields["own"], fields["end"]
        if first + n_end > len(new):
            raise ValueError("the file is too short")
        end, at, place = bytearray(new[len(new) - n_end :]), own, 0
        for step, length in zip(fields["runs"][::2], fields["runs"][1::2], strict=True):
            place += step
            end[place : place + length] = body[at : at + length]
            at += length
        return new[:first] + body[:own] + bytes(end)
    except (zlib.error, struct.error, KeyError, TypeError) as error:
        raise ValueError(f"the log is damaged ({error})") from error


def _n_alike(old: bytes, new: bytes) -> int:
    """Return how many bytes both begin with."""
    n = min(len(old), len(new))
    differs = np.flatnonzero(np.frombuffer(old, np.uint8)[:n] != np.frombuffer(new, np.uint8)[:n])
    return int(differs[0]) if len(differs) else n
