"""A lock on a run's folder, so that no two trainings write into it. It ends with its process, however that ends."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from genrestream.errors import UsageError
from genrestream.lock import lock
from train.command.disk import saving

LOCK_FILE = "lock"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a run's folder, which holds the number of this process, until the block ends.

    Where the file system has no locks, as on some networks, the run goes on without one.

    Raises:
        UsageError: Another process trains in the folder.
        OutputError: The lock's file cannot be written.
    """
    with saving(folder):
        handle = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
    with os.fdopen(handle, "r+b", buffering=0) as file:
        if not lock(file.fileno()):
            process = file.read(20).decode(errors="replace").strip()
            raise UsageError(
                f"--output {folder}: process {process or 'unknown'} trains in it; wait for it or stop it, or name"
                " another folder"
            )
        with saving(folder / LOCK_FILE):
            file.truncate(0)
            file.write(f"{os.getpid()}\n".encode())
        yield
