"""One scan of a table at a time; the system releases the lock when a process ends, however it ends."""

import contextlib
import os
from collections.abc import Iterator
from typing import IO

from genrestream.errors import UsageError
from genrestream.files import writing
from genrestream.lock import lock


@contextlib.contextmanager
def locked(table: str) -> Iterator[None]:
    """Hold the lock of a table; the file ``TABLE.lock`` exists meanwhile.

    Raises:
        UsageError: Another process holds it.
        OutputError: The lock's file cannot be written.
    """
    path = f"{table}.lock"
    while True:
        with writing(path):
            file = open(path, "a+b")  # noqa: SIM115 - it is closed below, where the lock ends
        if not lock(file.fileno()):
            file.close()
            raise UsageError(f"{table}: another scan is writing this table; wait until it ends, or name another table")
        if _is_still(path, file):
            break
        file.close()  # its holder deleted it just now
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows deletes no open file
            os.unlink(path)
        file.close()


def _is_still(path: str, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
