"""What each column of the table may hold: a table may be a stranger's file."""

import os
import re
import reprlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

SURROGATE = re.compile("[\ud800-\udfff]")
SEGMENT = {"start", "end", "genre", "confidence"}


def check(fields: Mapping[str, Any]) -> None:
    """Make sure that each column has a value that it may have.

    Args:
        fields: Values by column.

    Raises:
        TypeError: One has not.
    """
    for name, value in fields.items():
        may_be, rule = RULES[name]
        if not may_be(value):
            raise TypeError(f"{name}={reprlib.repr(value)} must be {rule}")


def _is_path(value: Any) -> bool:
    try:
        return isinstance(value, str) and b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not SURROGATE.search(value)


def _is_whole(value: Any, n_bits: int = 64) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(1 << n_bits - 1) <= value < 1 << n_bits - 1


def _is_count(value: Any) -> bool:
    return _is_whole(value, 32) and value >= 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _is_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_text, value))


def _is_numbers(value: Any) -> bool:
    return isinstance(value, Mapping) and all(map(_is_text, value)) and all(map(_is_number, value.values()))


def _is_counts(value: Any) -> bool:
    return isinstance(value, Mapping) and all(map(_is_text, value)) and all(map(_is_count, value.values()))


def _is_segments(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_segment, value))


def _is_segment(value: Any) -> bool:
    if not isinstance(value, Mapping) or set(value) != SEGMENT:
        return False
    return _is_text(value["genre"]) and all(_is_number(value[name]) for name in SEGMENT - {"genre"})


Rule = tuple[Callable[[Any], bool], str]
TEXT: Rule = _is_text, "text"
WHOLE: Rule = _is_whole, "a whole number of at most 64 bits"
NUMBER: Rule = _is_number, "a finite number"
RULES: dict[str, Rule] = {
    "path": (_is_path, "a path"),
    **dict.fromkeys(("audio_hash", "genre", "state", "model", "model_version", "version", "problems", "error"), TEXT),
    **dict.fromkeys(("size", "mtime_ns"), WHOLE),
    **dict.fromkeys(("duration_s", "classified_s", "probability", "silence", "no_music"), NUMBER),
    "n_votes": (_is_count, "a count"),
    "genres": (_is_texts, "a list of texts"),
    "probs": (_is_numbers, "a finite number for each label"),
    "votes": (_is_counts, "a count for each label"),
    "segments": (_is_segments, "a list of segments with start, end, genre and confidence"),
    "missing": (lambda value: isinstance(value, bool), "true or false"),
}
