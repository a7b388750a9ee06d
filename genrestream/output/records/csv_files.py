"""Results as CSV, a kind of row a file: chunks, and beside them verdicts and events."""

import csv
import os
from pathlib import Path
from typing import Any, TextIO

from genrestream.files import open_text, writing
from genrestream.output.sink import Sink
from genrestream.output.text import cells
from genrestream.streaming.predictions import Prediction, Verdict
from genrestream.streaming.status import Event
from genrestream.streaming.table import chunk_columns, row, verdict_columns

EVENT_COLUMNS = ("source", "time_s", "time", "state", "message")


def beside(output: str | None) -> dict[str, Path]:
    """Return the files of the verdicts and events of an output; none beside a pipe or device."""
    if not output or (os.path.exists(output) and not os.path.isfile(output)):
        return {}
    path = Path(output)
    return {kind: path.with_name(f"{path.stem}-{kind}{path.suffix}") for kind in ("verdicts", "events")}


class Csv(Sink):
    """Rows of chunks, or of verdicts where only those are asked for; the others are in files beside it.

    Text that a spreadsheet would take for a formula gets a ``'`` before it, and control characters are escaped.

    Args:
        file: Where the rows go.
        labels: The model's labels.
        output: The file's path, whose name those beside it begin with; None for standard output, beside which
            there are none.
        verdicts_only: Whether the rows are verdicts.

    Raises:
        OutputError: A file of an earlier run cannot be removed.
    """

    def __init__(self, file: TextIO, labels: tuple[str, ...], output: str | None = None, verdicts_only: bool = False):
        columns = {
            "chunks": ["source", *chunk_columns(labels)],
            "verdicts": [*verdict_columns(labels), "error"],
            "events": list(EVENT_COLUMNS),
        }
        main = "verdicts" if verdicts_only else "chunks"
        self._tables = {main: Rows(file, columns[main])}
        for kind, path in (beside(output) if not verdicts_only else {}).items():
            with writing(path):
                path.unlink(missing_ok=True)
            self._tables[kind] = Rows(path, columns[kind])

    def chunk(self, source: str, prediction: Prediction) -> None:
        """Write a chunk."""
        self._write("chunks", {"source": source, **row(prediction)})

    def event(self, source: str, event: Event) -> None:
        """Write something that happened to a run."""
        self._write("events", {"source": source, **event.to_dict()})

    def verdict(self, verdict: Verdict) -> None:
        """Write a verdict."""
        self._write("verdicts", row(verdict))

    def error(self, source: str, message: str) -> None:
        """Write an error, among the verdicts."""
        self._write("verdicts", {"source": source, "error": message})

    def close(self) -> None:
        """Close the files beside the output."""
        for table in self._tables.values():
            table.close()

    def _write(self, kind: str, fields: dict[str, Any]) -> None:
        if kind in self._tables:
            self._tables[kind].write(fields)


class Rows:
    """A table of fixed columns.

    Args:
        place: An open file, or the path of one that is made for the first row and closed at the end.
        columns: The names of the columns.
    """

    def __init__(self, place: TextIO | Path, columns: list[str]):
        self._columns, self._path = columns, place if isinstance(place, Path) else None
        self._file: TextIO | None = None
        if not isinstance(place, Path):
            self._begin(place)

    def write(self, fields: dict[str, Any]) -> None:
        """Write a row; columns without a field stay empty."""
        if self._path is None:
            self._write(fields)
            return
        with writing(self._path):
            if self._file is None:
                self._begin(open_text(self._path))
            self._write(fields)

    def close(self) -> None:
        """Close the file, where it was opened here."""
        if self._path and self._file:
            with writing(self._path):
                self._file.close()

    def _begin(self, file: TextIO) -> None:
        self._file, self._rows = file, csv.DictWriter(file, self._columns, restval="")
        self._rows.writeheader()

    def _write(self, fields: dict[str, Any]) -> None:
        assert self._file is not None
        self._rows.writerow(cells(fields))
        self._file.flush()
