"""Paths as text: tables hold UTF-8, and a file's name may be any bytes."""

import os
import re

ESCAPED = re.compile(r"\\udc([89a-f][0-9a-f])")


def to_text(path: str) -> str:
    r"""Return a path as text; a byte that is no UTF-8 is written as ``\udcXX``."""
    return path.encode("utf-8", "backslashreplace").decode()


def from_text(text: str) -> str:
    """Return the path that ``to_text`` wrote."""
    return ESCAPED.sub(lambda found: chr(0xDC00 + int(found[1], 16)), text) if "\\udc" in text else text


def absolute(path: str | os.PathLike[str]) -> str:
    """Return an absolute path, links not resolved: as the user sees it."""
    return os.path.abspath(path)
