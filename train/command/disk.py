"""What a training writes to the disk: a failure is one line that says what to do."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from genrestream.errors import OutputError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def saving(path: Path, what: str = "cannot be written") -> Iterator[None]:
    """Turn an ``OSError`` raised in the block into one line; it asks for room only where there is none.

    Args:
        path: The file or folder that is written.
        what: What cannot be done.

    Raises:
        OutputError: The disk is full, or the place cannot be written.
    """
    try:
        yield
    except OSError as error:
        cause = (error.strerror or str(error)).lower()
        advice = "make room" if error.errno in FULL else "make the folder writable"
        raise OutputError(f"{path}: {what} ({cause}); {advice}, then go on with --resume") from error
