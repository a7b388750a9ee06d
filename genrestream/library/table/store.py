"""The table that a scan writes: an SQLite file, converted at the end if it is to be Parquet, JSON Lines or CSV."""

import collections
import contextlib
import os
from collections.abc import Iterator

from genrestream.errors import UsageError
from genrestream.library.table import database, files
from genrestream.library.table.database import Database
from genrestream.library.table.lock import locked
from genrestream.library.table.track import Track

WORK = ".part.sqlite"  # beside a table of another format: rows of a scan that has not ended


@contextlib.contextmanager
def opened(path: str) -> Iterator[Database]:
    """Open a table to write into it; it is complete when the block ends without an error.

    Raises:
        UsageError: It belongs to another program, is from a newer version, or another scan is writing it.
        OutputError: It cannot be read or written.
    """
    is_database = files.is_database(path)
    _check_place(path)
    if is_database:
        with locked(path), database.opened(path) as opened_database:
            yield opened_database
        return
    if path.endswith(".parquet"):
        import genrestream.library.table.parquet  # noqa: F401 - says before any work that pyarrow is missing
    work = path + WORK
    with locked(path):
        is_new = not os.path.exists(work)
        with database.opened(work) as opened_database:
            if is_new and os.path.exists(path):
                _take_up(opened_database, path, work)
            yield opened_database
            files.write(path, opened_database.tracks(missing=True))
        remove(work)


def _check_place(path: str) -> None:
    if os.path.isdir(path):
        raise UsageError(f"{path}: is a folder; name a file for the table")
    if (folder := os.path.dirname(path)) and not os.path.isdir(folder):
        raise UsageError(f"{path}: there is no folder {folder}; make it, or name another place")


def _take_up(into: Database, path: str, work: str) -> None:
    try:
        into.put_all(files.read(path))
    except BaseException:
        into.sql.close()
        remove(work)
        raise


def remove(path: str) -> None:
    """Delete an SQLite file with its write-ahead log."""
    for name in (path, f"{path}-wal", f"{path}-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def rows(path: str) -> Iterator[Track]:
    """Yield the rows of a table of any format.

    Raises:
        UsageError: It is missing, or not a genrestream table.
        OutputError: It cannot be read.
    """
    if not os.path.exists(path):
        raise UsageError(f"{path}: no such table; 'genrestream scan FOLDER --db {path}' makes it")
    if files.is_database(path):
        with database.opened(path, create=False) as opened_database:
            yield from opened_database.tracks(missing=True)
    else:
        yield from files.read(path)


def genres(path: str) -> collections.Counter[str]:
    """Count a table's files by genre, without those that failed or are missing."""
    return collections.Counter(row.genre for row in rows(path) if not row.error and not row.missing)


def settings(path: str) -> dict[str, str]:
    """Return what a table's rows were classified with; empty if it is not an SQLite file."""
    if not os.path.exists(path) or not files.is_database(path):
        return {}
    with database.opened(path, create=False) as opened_database:
        return opened_database.settings()
