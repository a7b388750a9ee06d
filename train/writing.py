"""Writing results: what goes wrong is one line."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from genrestream.errors import OutputError


@contextlib.contextmanager
def writing(path: Path, remedy: str = "make room or name another place") -> Iterator[None]:
    """Name the file or folder that is written if it cannot be, and what to do then.

    Raises:
        OutputError: The disk is full, or the place cannot be written.
    """
    try:
        yield
    except OSError as error:
        cause = (error.strerror or str(error)).lower()
        raise OutputError(f"{path}: cannot be written ({cause}); {remedy}") from error
