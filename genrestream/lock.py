"""Locks between processes; the system releases a lock when its process ends, however that ends."""

import errno
import os
import sys

HELD = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
FAR = 1 << 20  # Windows locks bytes, which nobody else can read then: one behind all that is written


def lock(handle: int) -> bool:
    """Lock an open file until it is closed.

    Args:
        handle: The file's descriptor, opened for writing.

    Returns:
        False if another process holds the lock. On a file system without locks, as some network shares, there is
        nothing to hold: True.
    """
    try:
        _lock(handle)
    except OSError as error:
        return error.errno not in HELD
    return True


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        os.lseek(handle, FAR, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(handle, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
