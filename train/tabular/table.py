"""A table of features: a row for each chunk or track, its columns by name, its genre, and the track it is from.

Read from GTZAN's ``features_30_sec.csv`` and ``features_3_sec.csv``, from files of their form
(``train/tabular/extract.py`` writes them), or from ``.npz``. A pickle inside one is refused, not opened.
"""

import csv
import dataclasses
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from genrestream.errors import UsageError
from genrestream.features.tabular.columns import COLUMNS
from genrestream.files import writing
from genrestream.teaching.tables import guarded, rows, unguarded
from train.data.readers.gtzan import GENRES

MAX_MB = 1000  # of a table: a million chunks have about this much
FORM = "a table of features is CSV in UTF-8, or an .npz that train.tabular.extract wrote; pickles are not read"
ROW_NAME = re.compile(r"(?P<track>.+?\.\d{5})(\.\d+)?(\.\w+)?")  # blues.00000.wav, or blues.00000.3.wav of a chunk


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """Features with their labels.

    Attributes:
        columns: Names of the features.
        values: Shape (n_rows, n_columns), finite.
        labels: Each row's place in ``genres``.
        tracks: Each row's track; rows of one track belong on one side of a split.
        genres: Names of the labels, sorted.
    """

    columns: tuple[str, ...]
    values: np.ndarray
    labels: np.ndarray
    tracks: np.ndarray
    genres: tuple[str, ...]

    def rows(self, chosen: np.ndarray) -> "Table":
        """Return the rows of a mask or of indices."""
        return dataclasses.replace(
            self, values=self.values[chosen], labels=self.labels[chosen], tracks=self.tracks[chosen]
        )

    def constant_columns(self) -> tuple[str, ...]:
        """Return the columns that have one value only."""
        is_constant = np.ptp(self.values, axis=0) == 0
        return tuple(name for name, constant in zip(self.columns, is_constant, strict=True) if constant)


def read_table(path: Path, genres: tuple[str, ...] = GENRES, columns: tuple[str, ...] | None = None) -> Table:
    """Read a table.

    Args:
        path: A CSV file with ``filename``, features and ``label``, or an ``.npz`` file that ``save_table`` wrote.
        genres: The labels that may occur.
        columns: Features to read; by default all of an ``.npz`` file, and of a CSV file the 57, or, if it has none of
            them, all columns between ``filename`` and ``label``.

    Raises:
        UsageError: It is missing, of another form, or has a column, number, label or row that cannot be used.
    """
    try:
        if path.suffix == ".npz":
            return _checked(path, _read_npz(path, columns), genres)
        return _checked(path, _read_csv(path, columns), genres)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); {FORM}") from error
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UsageError(f"{path}: cannot be read; {FORM}") from error


def _read_csv(path: Path, columns: tuple[str, ...] | None) -> dict[str, np.ndarray]:
    found = list(rows(path, max_mb=MAX_MB, form=FORM))
    header = tuple(found[0][1]) if found else ("filename", *COLUMNS, "label")
    features = columns or _features(header)
    _all_there(path, ("filename", *features, "label"), header)
    return {
        "columns": np.array(features),
        "values": np.array([_numbers(path, line, row, features) for line, row in found], np.float64),
        "names": np.array([unguarded(row["filename"]) for _, row in found]),
        "genres": np.array([unguarded(row["label"]) for _, row in found]),
    }


def _features(header: tuple[str, ...]) -> tuple[str, ...]:
    """Return the 57 if the file has any of them, else all columns between the file name and the label."""
    if set(header) & set(COLUMNS):
        return COLUMNS
    return tuple(name for name in header if name not in ("filename", "length", "label")) or COLUMNS


def _numbers(path: Path, line: int, row: dict[str, str], features: tuple[str, ...]) -> list[float]:
    numbers = []
    for name in features:
        try:
            numbers.append(float(row[name]))
        except ValueError as error:
            raise UsageError(f"{path}, line {line}: {name} is {row[name]!r}, must be a number") from error
    return numbers


def _read_npz(path: Path, columns: tuple[str, ...] | None) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in ("columns", "values", "names", "genres")}
    if columns is None:
        return arrays
    there = [str(name) for name in arrays["columns"]]
    places = [there.index(name) for name in _all_there(path, columns, there)]
    return {**arrays, "columns": arrays["columns"][places], "values": arrays["values"][:, places]}


def _all_there(path: Path, wanted: tuple[str, ...], there: Sequence[str]) -> tuple[str, ...]:
    if missing := [name for name in wanted if name not in there]:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise UsageError(f"{path}: has no column {missing[0]!r}{more}; see GTZAN's features_30_sec.csv")
    return wanted


def _checked(path: Path, arrays: dict[str, np.ndarray], genres: tuple[str, ...]) -> Table:
    values, names, labels = arrays["values"], arrays["names"], arrays["genres"]
    if not len(values):
        raise UsageError(f"{path}: has no rows")
    odd = np.argwhere(~np.isfinite(values))
    if len(odd):
        row, column = odd[0]
        value, name = values[row, column], arrays["columns"][column]
        raise UsageError(f"{path}, line {row + 2}: {name} of {names[row]} is {value}, must be a finite number")
    for row, (name, genre) in enumerate(zip(names, labels, strict=True)):
        if genre not in genres:
            raise UsageError(
                f"{path}, line {row + 2}: label {str(genre)!r} of {name} must be one of {', '.join(genres)}"
            )
    kept, first = np.unique(names, return_index=True)
    if len(kept) < len(names):
        again = int(np.setdiff1d(np.arange(len(names)), first)[0])
        raise UsageError(f"{path}, line {again + 2}: {names[again]} has two rows; remove one")
    present = tuple(sorted(set(map(str, labels))))
    return Table(
        tuple(map(str, arrays["columns"])),
        values,
        np.array([present.index(genre) for genre in labels]),
        np.array([track_of(name) for name in names]),
        present,
    )


def track_of(row_name: str) -> str:
    """Return the track of a row: the name without the chunk's number and the suffix."""
    match = ROW_NAME.fullmatch(row_name)
    return match["track"] if match else Path(row_name).stem


def save_table(path: Path, columns: tuple[str, ...], values: np.ndarray, names: list[str], genres: list[str]) -> None:
    """Write a table as CSV in GTZAN's form, or as ``.npz``.

    Args:
        path: Ends in ``.csv`` or ``.npz``.
        columns: Names of the features.
        values: Shape (n_rows, n_columns).
        names: Each row's name, such as ``blues.00000.3.wav``.
        genres: Each row's genre.

    Raises:
        OutputError: It cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".npz":
            np.savez(path, columns=columns, values=values.astype(np.float32), names=names, genres=genres)
            return
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["filename", *columns, "label"])
            writer.writerows(
                [guarded(name), *row, guarded(genre)] for name, row, genre in zip(names, values, genres, strict=True)
            )
