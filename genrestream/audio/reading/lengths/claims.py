"""The length in seconds that a header claims, and how far it may be trusted."""

import math
from typing import Any

import av

GUESSED = ("ac3", "amr", "dts", "dtshd", "eac3", "gsm", "loas", "mlp", "truehd")  # from the file's size and bit rate
EXACT = ("aiff", "ape", "caf", "flac", "iff", "dsf", "mov", "mp3", "mpc", "ogg", "tak", "tta", "w64", "wav", "wv")
ALLOWED_S, ALLOWED_SHARE = 1.0, 0.02


def claimed_s(container: Any, stream: Any) -> float | None:
    """Return the length that the header claims for a track, in seconds; None where it claims none."""
    if stream.duration is not None and stream.time_base is not None:
        length_s = float(stream.duration * stream.time_base)
    elif container.duration is not None and len(container.streams) == 1:  # else it may be the film's
        length_s = container.duration / av.time_base
    else:
        return None
    name = container.format.name
    # An MP3 without a header of its own has a length that FFmpeg guesses from the bit rate, often wrongly.
    guessed = name == "aac" or (name == "mp3" and not stream.start_time)
    return length_s if length_s > 0 and not guessed else None


def tolerance_s(container: Any, length_s: float) -> float:
    """Return by how many seconds a stream may be shorter than its header claims; infinite for mere guesses."""
    if container.format.name in GUESSED:
        return math.inf
    exact = container.format.name.split(",")[0] in EXACT
    return ALLOWED_S if exact else max(ALLOWED_S, ALLOWED_SHARE * length_s)
