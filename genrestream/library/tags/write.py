"""One file's tag, written so that nothing else of the file can be lost."""

import contextlib
import dataclasses
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from genrestream.errors import AudioError
from genrestream.library.tags.delta import MAX_BYTES, restored, taken_away
from genrestream.library.tags.formats import opened
from genrestream.library.work.identity import identify

MAX_STEM_BYTES = 100  # of a copy's name: file systems take 255 bytes in all


@dataclasses.dataclass(frozen=True)
class Change:
    """A file with other genres, not yet written.

    Attributes:
        before: The file's bytes.
        after: What they will be.
        undo: What ``delta.restored`` needs.
        status: The file's status when it was read.
    """

    before: bytes
    after: bytes
    undo: bytes
    status: os.stat_result


def with_genres(path: str, genres: list[str]) -> Change:
    """Return a file with other genres, without writing it.

    The change is made on a copy beside the file, whose audio must be bit for bit the same, and which the log must
    turn back into the file.

    Raises:
        AudioError: The tag cannot be written, or the audio would not stay as it is.
    """
    before, status = content(path)
    with _copy_beside(path) as copy:
        copy.write_bytes(before)
        opened(str(copy), path).write(genres)
        after = copy.read_bytes()
        if identify(str(copy))[0] != identify(path)[0]:
            raise AudioError(f"{path}: its audio would not stay bit for bit the same; left alone")
    undo = taken_away(before, after)
    if len(after) > MAX_BYTES or restored(after, undo) != before:
        raise AudioError(f"{path}: the change could not be taken back; left alone")
    return Change(before, after, undo, status)


def replace(path: str, body: bytes, read: os.stat_result, mtime_ns: int | None = None) -> os.stat_result:
    """Replace a file in one step; owner, permissions and extended attributes stay.

    Args:
        path: The file; a link stays one.
        body: Its new content.
        read: Its status when it was read: a file that has changed since is left alone.
        mtime_ns: Modification time to set, in nanoseconds; the current time if None.

    Returns:
        The new file's status.

    Raises:
        AudioError: It cannot be written, or has changed since it was read. Nothing was written then.
    """
    with _copy_beside(path) as copy:
        with open(copy, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        shutil.copystat(path, copy)
        with contextlib.suppress(PermissionError, AttributeError):  # only root may give a file to others
            os.chown(copy, read.st_uid, read.st_gid)
        os.utime(copy, ns=(read.st_atime_ns, time.time_ns() if mtime_ns is None else mtime_ns))
        written, now = os.stat(copy), os.stat(path)
        if (now.st_size, now.st_mtime_ns) != (read.st_size, read.st_mtime_ns):
            raise AudioError(f"{path}: another program changed it meanwhile; left alone")
        os.replace(copy, os.path.realpath(path))
        return written


def content(path: str) -> tuple[bytes, os.stat_result]:
    """Return a file's bytes and its status, after a check that it may be written.

    Raises:
        AudioError: It is gone, read-only, too large, or cannot be read.
    """
    try:
        status = os.stat(path)
        if status.st_size > MAX_BYTES:
            raise AudioError(f"{path}: is larger than {MAX_BYTES >> 30} GiB; left alone")
        if not status.st_mode & 0o222 or not os.access(path, os.W_OK):
            raise AudioError(f"{path}: is read-only; left alone")
        return Path(path).read_bytes(), status
    except OSError as error:
        raise AudioError(f"{path}: cannot be read ({(error.strerror or str(error)).lower()}); left alone") from error


def sha256(body: bytes) -> str:
    """Return a digest that tells whether a file is as it was."""
    return hashlib.sha256(body).hexdigest()


@contextlib.contextmanager
def _copy_beside(path: str) -> Iterator[Path]:
    """Give the name of a copy in the file's own folder, which is deleted at the end unless it was moved."""
    copy = _beside(path)
    try:
        yield copy
    except OSError as error:
        raise AudioError(f"{path}: cannot be written ({(error.strerror or str(error)).lower()}); left alone") from error
    finally:
        with contextlib.suppress(OSError):
            copy.unlink(missing_ok=True)


def _beside(path: str) -> Path:
    """Return a hidden name in the file's own folder, always the same: what a killed run left is overwritten."""
    folder, name = os.path.split(os.path.realpath(path))
    stem, suffix = os.path.splitext(name)
    short = os.fsencode(stem)[:MAX_STEM_BYTES].decode(errors="ignore")
    return Path(folder, f".{short}.genrestream{suffix}")
