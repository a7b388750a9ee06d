"""One file's tag, written so that nothing else of the file can be lost."""

import contextlib
import hashlib
import os
import shutil
import time
from pathlib import Path

from genrestream.errors import AudioError
from genrestream.library.tags.delta import MAX_BYTES, restored, taken_away
from genrestream.library.tags.formats import opened
from genrestream.library.work.identity import identify


def with_genres(path: str, genres: list[str]) -> tuple[bytes, bytes, bytes]:
    """Return a file with other genres, without writing it.

    The change is made on a copy beside the file, whose audio must be bit for bit the same, and which the log must
    turn back into the file.

    Returns:
        The file's bytes before and after, and what ``delta.restored`` needs.

    Raises:
        AudioError: The tag cannot be written, or the audio would not stay as it is.
    """
    before = content(path)
    copy = _beside(path)
    try:
        copy.write_bytes(before)
        opened(str(copy), path).write(genres)
        after = copy.read_bytes()
        if identify(str(copy))[0] != identify(path)[0]:
            raise AudioError(f"{path}: its audio would not stay bit for bit the same; left alone")
    except OSError as error:
        raise AudioError(f"{path}: cannot be written ({(error.strerror or str(error)).lower()}); left alone") from error
    finally:
        copy.unlink(missing_ok=True)
    undo = taken_away(before, after)
    if restored(after, undo) != before:
        raise AudioError(f"{path}: the change could not be taken back; left alone")
    return before, after, undo


def replace(path: str, body: bytes, mtime_ns: int | None = None) -> os.stat_result:
    """Replace a file as a whole; owner, rights and what else the system keeps of it stay.

    Args:
        path: The file; a link stays one.
        body: What it holds then.
        mtime_ns: When it shall have been changed; now where None.

    Returns:
        The file's status after it.

    Raises:
        AudioError: It cannot be written.
    """
    copy = _beside(path)
    try:
        with open(copy, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        status = os.stat(path)
        shutil.copystat(path, copy)
        with contextlib.suppress(PermissionError, AttributeError):  # only root may give a file to others
            os.chown(copy, status.st_uid, status.st_gid)
        os.utime(copy, ns=(status.st_atime_ns, mtime_ns or time.time_ns()))
        os.replace(copy, os.path.realpath(path))
        return os.stat(path)
    except OSError as error:
        raise AudioError(f"{path}: cannot be written ({(error.strerror or str(error)).lower()}); left alone") from error
    finally:
        with contextlib.suppress(OSError):
            copy.unlink(missing_ok=True)


def content(path: str) -> bytes:
    """Return a file's bytes, after a check that it may be written.

    Raises:
        AudioError: It is gone, read-only, too large, or cannot be read.
    """
    try:
        if os.stat(path).st_size > MAX_BYTES:
            raise AudioError(f"{path}: is larger than {MAX_BYTES >> 30} GiB; left alone")
        if not os.stat(path).st_mode & 0o222 or not os.access(path, os.W_OK):
            raise AudioError(f"{path}: is read-only; left alone")
        return Path(path).read_bytes()
    except OSError as error:
        raise AudioError(f"{path}: cannot be read ({(error.strerror or str(error)).lower()}); left alone") from error


def sha256(body: bytes) -> str:
    """Return a digest that tells whether a file is as it was."""
    return hashlib.sha256(body).hexdigest()


def _beside(path: str) -> Path:
    """Return a hidden name in the file's own folder, the same each time: what a killed run left there is used again."""
    real = os.path.realpath(path)
    stem, suffix = os.path.splitext(os.path.basename(real))
    return Path(os.path.dirname(real), f".{stem[:100]}.genrestream{suffix}")
