"""Writing files: a failure is one line that names the file, and a file is either whole or not there."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TextIO

from genrestream.errors import OutputError

STDOUT, STDOUT_REMEDY = "standard output", "write into a file, or open it"
PACKAGE = Path(__file__).parent  # where this code is installed


@contextlib.contextmanager
def writing(path: str | Path, remedy: str = "make room or name another place") -> Iterator[None]:
    """Turn an ``OSError`` raised in the block into one line that names what was written and what to do.

    Args:
        path: The file or folder, or the option that names it.
        remedy: What the user can do.

    Raises:
        OutputError: The disk is full, or the place cannot be written.
    """
    try:
        yield
    except BrokenPipeError:  # the reader of a pipe went away: that is no fault of the output
        raise
    except OSError as error:
        cause = (error.strerror or str(error)).lower()
        raise OutputError(f"{path}: cannot be written ({cause}); {remedy}") from error


def open_text(path: str | Path) -> TextIO:
    """Open a text file for results, replacing what is there; names of files that are no text can be written into it."""
    return open(path, "w", encoding="utf-8", errors="backslashreplace", newline="")


def write_text(path: Path, text: str) -> None:
    """Write a text file, with its folder if that is missing.

    Raises:
        OutputError: It cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that takes the place of ``path`` only when the block ends, and is on the disk by then.

    A process that is killed inside the block leaves ``path`` as it was, and a file named ``*.part`` beside it.
    """
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with open(part, "xb") as file:  # with the rights that any new file of the user has
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
