"""Standard streams that the shell closed (``>&-``): their numbers must not go to the next file that is opened."""

import io
import os
import sys
from typing import cast

# Each is opened the wrong way round, so that using it is an error and not silence; only messages may go nowhere.
STAND_INS = {0: os.O_WRONLY, 1: os.O_RDONLY, 2: os.O_WRONLY}


def prepare() -> None:
    """Occupy the closed ones, and let all of them write names that are no text."""
    for number, flags in STAND_INS.items():
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # takes the lowest number that is free: this one
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        cast(io.TextIOWrapper, stream).reconfigure(errors="backslashreplace")


def stdin_is_closed() -> bool:
    """Whether the process was started without standard input."""
    return sys.__stdin__ is None
