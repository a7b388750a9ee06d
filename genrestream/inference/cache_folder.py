"""The user's cache folder, for compiled programs, which can be made again.

These are code that is run, so a file is read only if it is whole and no other user can have written it.
"""

import hashlib
import logging
import os
import stat
import sys
import tempfile
import time
from pathlib import Path

DIGEST_SIZE = hashlib.sha256().digest_size
MAX_BYTES = 1 << 30  # of all files of a folder
PART, OLD_S = ".part", 3600  # a file that is being written, and when its writer was killed
logger = logging.getLogger(__name__)


def cache_folder(name: str = "") -> Path | None:
    """Return genrestream's cache folder or one inside it, made if needed; None if others can write there.

    ``GENRESTREAM_CACHE`` names another folder; an empty value switches caching off.
    """
    try:
        folder = _place()
        if folder is None:
            return None
        for each in (folder, folder / name):  # the second is not made in a first that others can write
            each.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not _is_private(each.stat()):
                return None
        if os.access(folder / name, os.W_OK):
            return folder / name
    except (OSError, RuntimeError):  # RuntimeError: no home folder to expand
        pass
    return None


def _place() -> Path | None:
    override = os.environ.get("GENRESTREAM_CACHE")
    if override is not None:
        return Path(override) if override else None
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", "~/AppData/Local")).expanduser() / "genrestream"
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "genrestream"


def _is_private(status: os.stat_result) -> bool:
    """Whether no other user can have created or changed the file or folder."""
    if sys.platform == "win32":
        return True
    return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def read_private(file: Path) -> bytes | None:
    """Return the bytes that ``write_private`` wrote; None if they are missing, changed, or another user's."""
    try:
        with file.open("rb") as content:
            status = os.fstat(content.fileno())
            if not (_is_private(status) and stat.S_ISREG(status.st_mode)):
                return None
            digest, body = content.read(DIGEST_SIZE), content.read()
    except OSError:
        return None
    return body if hashlib.sha256(body).digest() == digest else None


def write_private(file: Path, body: bytes, most: int) -> None:
    """Write bytes with their digest, and delete the oldest files of the folder beyond ``most`` or ``MAX_BYTES``."""
    try:
        with tempfile.NamedTemporaryFile(dir=file.parent, suffix=PART, delete=False) as scratch:
            try:
                scratch.write(hashlib.sha256(body).digest() + body)
                scratch.close()
                os.replace(scratch.name, file)
            except BaseException:
                os.unlink(scratch.name)
                raise
        _tidy(file.parent, file.suffix, most)
    except OSError as error:  # another process may do the same, or the disk is full
        logger.debug("%s: not cached (%s)", file, error)


def _tidy(folder: Path, suffix: str, most: int) -> None:
    n_bytes = 0
    newest_first = sorted(folder.glob(f"*{suffix}"), key=lambda each: each.stat().st_mtime, reverse=True)
    for n, each in enumerate(newest_first):
        n_bytes += each.stat().st_size
        if n >= most or (n and n_bytes > MAX_BYTES):  # the newest one is in use
            each.unlink()
    for part in folder.glob(f"*{PART}"):
        if part.stat().st_mtime < time.time() - OLD_S:
            part.unlink()
