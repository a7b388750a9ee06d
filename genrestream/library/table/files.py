"""The table as Parquet, JSON Lines or CSV: read and written as a whole, row by row."""

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from genrestream.errors import OutputError, UsageError
from genrestream.files import replacing, writing
from genrestream.library.table.names import from_text, to_text
from genrestream.library.table.track import COLUMNS, JSON_COLUMNS, Track, from_dict, to_json

ROWS_AT_ONCE = 1000
MAX_CELL = 1 << 24  # a row's segments may be long
NUMBERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("size", "mtime_ns", "n_votes"), int),
    **dict.fromkeys(("duration_s", "classified_s", "probability", "silence", "no_music"), float),
    "missing": lambda text: text == "True",
}


def suffix(path: str) -> str:
    """Return a table's suffix.

    Raises:
        UsageError: It names no format.
    """
    found = Path(path).suffix.lower()
    if found not in (".sqlite", ".db", *FORMATS):
        raise UsageError(f"{path}: its suffix names no format; end it in .sqlite, .parquet, .jsonl or .csv")
    return found


def is_database(path: str) -> bool:
    """Whether a table is an SQLite file.

    Raises:
        UsageError: The suffix names no format.
    """
    return suffix(path) in (".sqlite", ".db")


def write(path: str, tracks: Iterable[Track]) -> None:
    """Write a table; an existing file is replaced once the new one is complete.

    Raises:
        OutputError: It cannot be written.
        UsageError: A package for it is missing.
    """
    with writing(path), replacing(Path(path)) as file:
        FORMATS[suffix(path)][1](file, tracks)


def read(path: str) -> Iterator[Track]:
    """Yield the rows of a table.

    Raises:
        OutputError: It cannot be read.
        UsageError: It is not a genrestream table, or a package for it is missing.
    """
    try:
        for fields in FORMATS[suffix(path)][0](path):
            if isinstance(name := fields.get("path"), str):
                fields["path"] = from_text(name)
            yield from_dict(fields)
    except OSError as error:
        raise OutputError(f"{path}: cannot be read ({(error.strerror or str(error)).lower()})") from error
    except (ValueError, TypeError, KeyError, RecursionError, csv.Error) as error:
        raise UsageError(f"{path}: is not a genrestream table ({error}); name another file") from error


def plain(track: Track) -> dict[str, Any]:
    """Return a row as plain values, its path as text."""
    return track.to_dict() | {"path": to_text(track.path)}


def _read_jsonl(path: str) -> Iterator[dict[str, Any]]:
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            yield dict(json.loads(line))


def _write_jsonl(file: IO[bytes], tracks: Iterable[Track]) -> None:
    for track in tracks:
        file.write(to_json(plain(track)).encode() + b"\n")


def _read_csv(path: str) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(MAX_CELL)
    with open(path, encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, strict=True)
        header = rows.fieldnames or COLUMNS  # an empty file has none
        if absent := [name for name in COLUMNS if name not in header]:
            raise ValueError(f"it has no column {absent[0]}")
        for row in rows:
            fields: dict[str, Any] = {name: row[name] for name in COLUMNS}
            fields |= {name: json.loads(fields[name]) for name in JSON_COLUMNS}
            yield fields | {name: as_number(row[name]) if row[name] else None for name, as_number in NUMBERS.items()}


def _write_csv(file: IO[bytes], tracks: Iterable[Track]) -> None:
    import io

    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    rows = csv.DictWriter(text, COLUMNS)
    rows.writeheader()
    for track in tracks:
        fields = plain(track)
        rows.writerow(fields | {name: to_json(fields[name]) for name in JSON_COLUMNS})
    text.detach()


def _read_parquet(path: str) -> Iterator[dict[str, Any]]:
    from genrestream.library.table.parquet import rows

    if not os.path.isdir(path):
        yield from rows(path)
        return
    seen = set[str]()  # of a file that was classified again, the last row counts
    for name in sorted(os.listdir(path), reverse=True):
        if name.endswith(".parquet") and not name.startswith("."):
            for row in rows(os.path.join(path, name)):
                if row["path"] not in seen:
                    seen.add(row["path"])
                    yield row


def _write_parquet(file: IO[bytes], tracks: Iterable[Track]) -> None:
    from genrestream.library.table.parquet import write_rows

    write_rows(file, map(plain, tracks))


FORMATS: dict[str, tuple[Callable[[str], Iterator[dict[str, Any]]], Callable[[IO[bytes], Iterable[Track]], None]]] = {
    ".parquet": (_read_parquet, _write_parquet),
    ".jsonl": (_read_jsonl, _write_jsonl),
    ".csv": (_read_csv, _write_csv),
}
