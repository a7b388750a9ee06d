"""Tags for all files of a table, with a log in the table to undo them."""

import dataclasses
import os
from collections.abc import Callable

from genrestream.errors import AudioError
from genrestream.library.config import TagConfig
from genrestream.library.table.database import Database
from genrestream.library.table.names import from_text, to_text
from genrestream.library.table.track import Track
from genrestream.library.tags import formats
from genrestream.library.tags.delta import restored
from genrestream.library.tags.spelling import spelled
from genrestream.library.tags.write import content, replace, sha256, with_genres

Say = Callable[[str], None]


@dataclasses.dataclass
class Tally:
    """What was done.

    Attributes:
        n_written: Files that were tagged, or would be.
        n_kept: Files that have a genre already.
        n_unsure: Files without a genre that is probable enough.
        n_failed: Files that were left alone, each named.
        n_undone: Files whose tag was undone.
    """

    n_written: int = 0
    n_kept: int = 0
    n_unsure: int = 0
    n_failed: int = 0
    n_undone: int = 0


def tag(database: Database, config: TagConfig, show: Say, problem: Say) -> Tally:
    """Write the genres of a table into its files.

    Args:
        database: The table.
        config: Which files are tagged, and how.
        show: Is called with each change, a line or two.
        problem: Is called with each file that was left alone, and why.

    Raises:
        OutputError: The table cannot be written.
    """
    tally = Tally()
    for (path,) in database.sql.execute(
        "SELECT path FROM tracks WHERE error = '' AND NOT missing ORDER BY path"
    ).fetchall():
        track = database.get(from_text(path))
        if track is None:
            continue
        labels = [label for label, probability in track.named.items() if probability >= config.min_probability]
        if not labels:
            tally.n_unsure += 1
            continue
        try:
            _tag(database, config, track, spelled(labels), tally, show)
        except AudioError as error:
            tally.n_failed += 1
            problem(str(error))
    return tally


def _tag(database: Database, config: TagConfig, track: Track, genres: list[str], tally: Tally, show: Say) -> None:
    before = formats.opened(track.path).genres
    if before == genres or (before and not config.overwrite):
        tally.n_kept += 1
        return
    if config.dry_run:
        content(track.path)
    else:
        _write(database, track, genres)
    tally.n_written += 1
    show(f"{track.path}\n  - {', '.join(before) or '(none)'}\n  + {', '.join(genres)}")


def _write(database: Database, track: Track, genres: list[str]) -> None:
    change = with_genres(track.path, genres)
    digests = sha256(change.before), sha256(change.after)
    with database.writing():  # before the file: a run that is killed in between can be taken back too
        number = database.sql.execute(
            "INSERT INTO tag_log (path, mtime_ns, before_sha256, after_sha256, undo) VALUES (?, ?, ?, ?, ?)",
            (to_text(track.path), change.status.st_mtime_ns, *digests, change.undo),
        ).lastrowid
    try:
        status = replace(track.path, change.after, change.status)
    except AudioError:
        with database.writing():
            database.sql.execute("DELETE FROM tag_log WHERE number = ?", (number,))
        raise
    _note(database, track.path, status)


def undo(database: Database, show: Say, problem: Say) -> Tally:
    """Undo all changes, the newest first; a file that has changed since is left alone and named.

    Raises:
        OutputError: The table cannot be written.
    """
    tally, left_alone = Tally(), set[str]()
    numbers = [number for (number,) in database.sql.execute("SELECT number FROM tag_log ORDER BY number DESC")]
    for number in numbers:
        row = database.sql.execute(
            "SELECT path, mtime_ns, before_sha256, after_sha256, undo FROM tag_log WHERE number = ?", (number,)
        ).fetchone()
        path = from_text(row[0])
        if path in left_alone:
            continue
        try:
            _undo(database, path, *row[1:])
        except AudioError as error:
            left_alone.add(path)
            tally.n_failed += 1
            problem(str(error))
            continue
        with database.writing():
            database.sql.execute("DELETE FROM tag_log WHERE number = ?", (number,))
        tally.n_undone += 1
        show(path)
    return tally


def _undo(database: Database, path: str, mtime_ns: int, before: str, after: str, log: bytes) -> None:
    body, status = content(path)
    if sha256(body) == before:  # the run was killed before it wrote the file
        return
    if sha256(body) != after:
        raise AudioError(f"{path}: was changed since it was tagged; left alone")
    try:
        old = restored(body, log)
    except ValueError as error:
        raise AudioError(f"{path}: cannot be taken back ({error}); left alone") from error
    if sha256(old) != before:
        raise AudioError(f"{path}: cannot be taken back (the log is damaged); left alone")
    _note(database, path, replace(path, old, status, mtime_ns))


def _note(database: Database, path: str, status: os.stat_result) -> None:
    """Record the file's new size and time, so that the next scan does not classify it again."""
    with database.writing():
        database.sql.execute(
            "UPDATE tracks SET size = ?, mtime_ns = ? WHERE path = ?",
            (status.st_size, status.st_mtime_ns, to_text(path)),
        )
