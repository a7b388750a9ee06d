"""The history: stretches of one genre in a SQLite file, and from them each hour's shares.

A stretch is in the file as soon as it ended. One that is still open is written every few seconds, so a server that is
killed loses no more than that. The journal is a write-ahead log: others may read while the server writes.
"""

import contextlib
import dataclasses
import secrets
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from genrestream.errors import GenrestreamError, OutputError
from genrestream.serve.stretches import Stretch

VERSION = 1
BUSY_S = 5.0  # to wait for another process that writes
FORGET_S = 3600.0  # between two looks at what is old
DAY_S = 86_400.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS segments (
    input TEXT NOT NULL, model TEXT NOT NULL, start REAL NOT NULL, end REAL NOT NULL,
    genre TEXT NOT NULL, confidence REAL NOT NULL,
    run TEXT  -- of a stretch that was not over when it was written: which run of the server did
);
CREATE INDEX IF NOT EXISTS segments_by_end ON segments (end);
-- How many seconds of each hour (its start in seconds since 1970) each genre had.
CREATE VIEW IF NOT EXISTS hours AS
WITH RECURSIVE parts (input, genre, hour, start, end) AS (
    SELECT input, genre, CAST(start / 3600 AS INTEGER) * 3600, start, end FROM segments WHERE end > start
    UNION ALL
    SELECT input, genre, hour + 3600, hour + 3600, end FROM parts WHERE end > hour + 3600
)
SELECT input, hour, genre, SUM(MIN(end, hour + 3600) - start) AS seconds FROM parts GROUP BY input, hour, genre;
"""


@dataclasses.dataclass(frozen=True)
class Entry:
    """What an input adds to the history.

    Attributes:
        input: The input's name.
        model: The model's name.
        ended: Stretches that ended.
        still_open: Those that are open, in place of those given before.
    """

    input: str
    model: str
    ended: tuple[Stretch, ...]
    still_open: tuple[Stretch, ...]


class HistoryFile:
    """The history as a receiver of entries: a slow disk does not slow listening.

    Args:
        path: The SQLite file.
        keep_days: Days after which a stretch is forgotten.

    Raises:
        OutputError: The file cannot be made, or is another one.
    """

    limit, tries = 1000, 20

    def __init__(self, path: Path, keep_days: float):
        self.name, self._path, self._keep_s = "history", path, keep_days * DAY_S
        self._run, self._forgot_s = secrets.token_hex(8), 0.0
        with _told(path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = _opened(path)
            version = self._file.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, VERSION):
                raise OutputError(f"{path}: is a history of a newer version ({version}); name another file")
            self._file.execute("PRAGMA journal_mode = WAL")
            self._file.execute("PRAGMA synchronous = NORMAL")
            self._file.executescript(SCHEMA)
            self._file.execute(f"PRAGMA user_version = {VERSION}")
            self._file.commit()
            path.chmod(0o600)

    def send(self, message: Entry) -> None:
        """Write an entry.

        Raises:
            OutputError: The disk is full, or another process holds the file for too long.
        """
        with _told(self._path), self._file:
            self._file.execute("DELETE FROM segments WHERE input = ? AND run = ?", (message.input, self._run))
            for stretches, run in ((message.ended, None), (message.still_open, self._run)):
                self._file.executemany(
                    "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [
                        (message.input, message.model, one.start, one.end, one.genre, one.confidence, run)
                        for one in stretches
                    ],
                )
            if time.monotonic() - self._forgot_s > FORGET_S or not self._forgot_s:
                self._forgot_s = time.monotonic()
                self._file.execute("DELETE FROM segments WHERE end < ?", (time.time() - self._keep_s,))

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(sqlite3.Error):
            self._file.close()


def read(path: Path, since: float, until: float, name: str | None = None) -> list[tuple[str, Stretch]]:
    """Return the stretches of a time, cut to it, oldest first, each with its input's name.

    Args:
        path: The SQLite file.
        since: Seconds since 1970.
        until: Seconds since 1970.
        name: Of this input only; of all where None.

    Raises:
        OutputError: The file is missing, or no history.
    """
    rows = _select(
        path,
        "SELECT input, start, end, genre, confidence FROM segments WHERE end > ? AND start < ?"
        " AND (? IS NULL OR input = ?) ORDER BY start, input",
        (since, until, name, name),
    )
    return [
        (str(one), Stretch(max(start, since), min(end, until), str(genre), confidence))
        for one, start, end, genre, confidence in rows
    ]


def shares(path: Path, since: float, until: float, name: str | None = None) -> list[tuple[str, int, str, float]]:
    """Return input, start of the hour (seconds since 1970), genre and seconds, for the hours of a time.

    Raises:
        OutputError: The file is missing, or no history.
    """
    return _select(
        path,
        "SELECT input, hour, genre, seconds FROM hours WHERE hour >= ? AND hour < ? AND (? IS NULL OR input = ?)"
        " ORDER BY input, hour, seconds DESC",
        (since, until, name, name),
    )


def _select(path: Path, query: str, values: Sequence[object]) -> list[tuple]:
    if not path.exists():
        raise OutputError(f"{path}: no such file; 'genrestream serve' makes it")
    with _told(path, "be read"), contextlib.closing(_opened(path)) as file:
        return file.execute(query, values).fetchall()


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY_S, check_same_thread=False)


@contextlib.contextmanager
def _told(path: Path, what: str = "be written") -> Iterator[None]:
    try:
        yield
    except GenrestreamError:
        raise
    except sqlite3.DatabaseError as error:
        raise OutputError(f"{path}: cannot {what} as a history ({error}); name another file") from error
    except OSError as error:
        cause = (error.strerror or str(error)).lower()
        raise OutputError(f"{path}: cannot {what} ({cause}); name another file with --history") from error
