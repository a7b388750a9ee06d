"""The table as an SQLite file: written row by row, so that a killed scan loses no finished file."""

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from genrestream.errors import OutputError, UsageError
from genrestream.library.table.names import from_text, to_text
from genrestream.library.table.track import COLUMNS, JSON_COLUMNS, OF_FILE, Found, Track, from_dict, to_json

APPLICATION = 0x67656E72  # "genr": marks the file as ours
VERSION = 1
TYPES = {"size": "INTEGER NOT NULL", "mtime_ns": "INTEGER NOT NULL", "n_votes": "INTEGER", "missing": "INTEGER"}
REALS = ("duration_s", "classified_s", "probability", "silence", "no_music")
SCHEMA = f"""
CREATE TABLE tracks (path TEXT PRIMARY KEY NOT NULL, {
    ", ".join(f"{name} {TYPES.get(name, 'REAL' if name in REALS else 'TEXT')}" for name in COLUMNS[1:])
});
CREATE INDEX tracks_by_audio ON tracks (audio_hash);
CREATE TABLE settings (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL);
CREATE TABLE tag_log (
  number INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL, mtime_ns INTEGER NOT NULL,
  before_sha256 TEXT NOT NULL, after_sha256 TEXT NOT NULL, undo BLOB NOT NULL
);
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
"""
ROWS_AT_ONCE = 500


class Database:
    """An opened table; ``opened`` makes one.

    Args:
        path: The file.
        connection: To it.
    """

    def __init__(self, path: str, connection: sqlite3.Connection):
        self.path, self.sql = path, connection

    def settings(self) -> dict[str, str]:
        """Return what all rows were classified with."""
        return dict(self.sql.execute("SELECT name, value FROM settings"))

    def check_settings(self, wanted: Mapping[str, str]) -> None:
        """Check that new rows are made with the settings of the old ones; a new table stores them.

        Raises:
            UsageError: They are not.
        """
        with self.writing():
            for name, value in wanted.items():
                self.sql.execute("INSERT OR IGNORE INTO settings VALUES (?, ?)", (name, value))
        for name, value in self.settings().items():
            if name in wanted and wanted[name] != value:
                raise UsageError(
                    f"{self.path}: was made with {name} {value}, not {wanted[name]}; give the same, or another table"
                )

    def put(self, track: Track) -> None:
        """Write a row; it is safe when this returns."""
        with self.writing():
            self._put(track)

    def put_all(self, tracks: Iterable[Track]) -> int:
        """Write rows in one transaction; return how many there were."""
        n = 0
        with self.writing():
            for track in tracks:
                self._put(track)
                n += 1
        return n

    def _put(self, track: Track) -> None:
        fields = track.to_dict()
        row = [to_json(fields[name]) if name in JSON_COLUMNS else fields[name] for name in COLUMNS]
        row[0] = to_text(track.path)
        marks = ", ".join("?" * len(COLUMNS))
        self.sql.execute(f"INSERT OR REPLACE INTO tracks ({', '.join(COLUMNS)}) VALUES ({marks})", row)

    def get(self, path: str) -> Track | None:
        """Return a file's row."""
        return next(self._tracks("WHERE path = ?", to_text(path)), None)

    def known(self, audio_hash: str) -> Track | None:
        """Return a classified row with the same audio."""
        return next(self._tracks("WHERE audio_hash = ? AND error = '' LIMIT 1", audio_hash), None)

    def tracks(self, missing: bool = False) -> Iterator[Track]:
        """Yield all rows, sorted by path; those of missing files only if ``missing``."""
        return self._tracks("ORDER BY path" if missing else "WHERE NOT missing ORDER BY path")

    def _tracks(self, where: str, *values: Any) -> Iterator[Track]:
        with self.reading():
            for row in self.sql.execute(f"SELECT {', '.join(COLUMNS)} FROM tracks {where}", values):
                yield self._track(dict(zip(COLUMNS, row, strict=True)))

    def _track(self, fields: dict[str, Any]) -> Track:
        try:
            fields |= {name: json.loads(fields[name] or "null") for name in JSON_COLUMNS}
            fields["path"], fields["missing"] = from_text(fields["path"]), bool(fields["missing"])
            return from_dict(fields)
        except (ValueError, TypeError, RecursionError) as error:
            raise OutputError(f"{self.path}: is damaged, a row cannot be read ({error}); scan again") from error

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Make the block one transaction: all of it is written, or nothing.

        Raises:
            OutputError: The disk is full, or the file cannot be written.
        """
        with _blamed(self.path):
            self.sql.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.sql.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self.sql.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Turn errors of SQLite in the block into one line.

        Raises:
            OutputError: The file cannot be read or is damaged.
        """
        with _blamed(self.path):
            yield


class Plan:
    """What a scan has to do: the files that were found, against the rows that are there.

    It is kept in a temporary table, so a library of any size takes the same memory.

    Args:
        database: The table.
    """

    def __init__(self, database: Database):
        self._database, self._sql = database, database.sql
        with database.reading():
            for name in ("found", "to_classify"):
                self._sql.execute(f"DROP TABLE IF EXISTS temp.{name}")
            self._sql.execute("CREATE TEMP TABLE found (path TEXT PRIMARY KEY, size, mtime_ns) WITHOUT ROWID")

    def add(self, files: Iterable[Found]) -> int:
        """Add files that were found; return how many there are so far."""
        with self._database.writing():
            rows = ((to_text(one.path), one.size, one.mtime_ns) for one in files)
            self._sql.executemany("INSERT OR IGNORE INTO temp.found VALUES (?, ?, ?)", rows)
        return self._count("temp.found")

    def close(self, retry: bool) -> int:
        """Work out which files have to be classified; return how many."""
        with self._database.writing():
            self._sql.execute(
                "CREATE TEMP TABLE to_classify AS SELECT found.* FROM temp.found LEFT JOIN tracks USING (path) WHERE"
                " tracks.path IS NULL OR tracks.size != found.size OR tracks.mtime_ns != found.mtime_ns"
                " OR (? AND tracks.error != '') ORDER BY path",
                (retry,),
            )
            self._sql.execute("UPDATE tracks SET missing = 0 WHERE missing AND path IN (SELECT path FROM temp.found)")
        return self._count("temp.to_classify")

    def to_classify(self) -> Iterator[Found]:
        """Yield the files that have to be classified."""
        last = 0
        while True:
            with self._database.reading():
                rows = self._sql.execute(
                    "SELECT rowid, path, size, mtime_ns FROM temp.to_classify WHERE rowid > ? ORDER BY rowid LIMIT ?",
                    (last, ROWS_AT_ONCE),
                ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            for _, path, size, mtime_ns in rows:
                yield Found(from_text(path), size, mtime_ns)

    def gone(self, roots: Iterable[str], closed: Iterable[str]) -> tuple[int, int]:
        """Mark the rows of files that are gone; the old row of a moved file is deleted, its new row has all.

        Args:
            roots: What was searched.
            closed: Folders in it that could not be read: rows below them are left as they are.

        Returns:
            How many are missing, and how many were moved.
        """
        n_missing = n_moved = 0
        closed = [to_text(path) for path in closed]
        for root in map(to_text, roots):
            if root in closed:
                continue
            for path, audio_hash in self._not_found(root):
                if any(path == one or path.startswith(f"{one}{os.sep}") for one in closed):
                    continue
                if os.path.lexists(from_text(path)):  # left out this time
                    continue
                with self._database.writing():
                    again = "SELECT 1 FROM tracks JOIN temp.found USING (path) WHERE audio_hash = ? AND error = ''"
                    if audio_hash and self._sql.execute(again, (audio_hash,)).fetchone():
                        self._sql.execute("DELETE FROM tracks WHERE path = ?", (path,))
                        n_moved += 1
                    else:
                        self._sql.execute("UPDATE tracks SET missing = 1 WHERE path = ?", (path,))
                        n_missing += 1
        return n_missing, n_moved

    def _not_found(self, root: str) -> list[tuple[str, str]]:
        with self._database.reading():
            return self._sql.execute(
                "SELECT path, audio_hash FROM tracks WHERE (path = ? OR (path > ? AND path < ?)) AND NOT missing"
                " AND path NOT IN (SELECT path FROM temp.found)",
                (root, *below(root)),
            ).fetchall()

    def _count(self, table: str) -> int:
        with self._database.reading():
            return self._sql.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def below(folder: str) -> tuple[str, str]:
    """Return the bounds of the paths below a folder, both excluded."""
    stem = folder.rstrip(os.sep)
    return stem + os.sep, stem + chr(ord(os.sep) + 1)


def copied(known: Track, found: Found) -> Track:
    """Return the row of a file whose audio was classified before under another name."""
    fields = known.to_dict() | {"path": found.path, "size": found.size, "mtime_ns": found.mtime_ns, "missing": False}
    assert set(OF_FILE) <= fields.keys()
    return from_dict(fields)


@contextlib.contextmanager
def opened(path: str, create: bool = True) -> Iterator[Database]:
    """Open a table, and close it after.

    Args:
        path: The file.
        create: Create it if it is missing.

    Raises:
        UsageError: It is missing, belongs to another program, or is from a newer version.
        OutputError: It cannot be read or written.
    """
    if not create and not os.path.isfile(path):
        raise UsageError(f"{path}: no such table; 'genrestream scan FOLDER --db {path}' makes it")
    with _blamed(path), contextlib.closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as connection:
        _prepare(path, connection)
        yield Database(path, connection)


def _prepare(path: str, connection: sqlite3.Connection) -> None:
    application, version = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
    )
    is_new = not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if not is_new and application != APPLICATION:
        raise UsageError(f"{path}: is the database of another program; name another file for the table")
    if version > VERSION:
        raise UsageError(
            f"{path}: is from a newer genrestream (format {version}, this one reads {VERSION});"
            " pip install -U genrestream"
        )
    connection.execute("PRAGMA journal_mode = WAL")  # others can read meanwhile; a commit waits for no disk
    connection.execute("PRAGMA synchronous = NORMAL")
    if is_new:
        connection.executescript(f"BEGIN;{SCHEMA}COMMIT;")


@contextlib.contextmanager
def _blamed(path: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _of_sqlite(path, error) from error


def _of_sqlite(path: str, error: sqlite3.Error) -> Exception:
    kind = getattr(error, "sqlite_errorname", "")
    if kind == "SQLITE_NOTADB":
        return UsageError(f"{path}: is not a genrestream table; name another file")
    if kind.startswith("SQLITE_BUSY") or kind.startswith("SQLITE_LOCKED"):
        return OutputError(f"{path}: another program is writing into it; wait until it is done")
    if kind == "SQLITE_FULL":
        return OutputError(f"{path}: cannot be written (no space left on device); make room, and run the same again")
    if kind.startswith("SQLITE_CORRUPT"):
        return OutputError(f"{path}: is damaged ({error}); scan into a new table")
    return OutputError(f"{path}: cannot be read or written ({error}); make room, or name another place")
