"""Results for machines: JSON Lines, CSV and JSON, one class and one dict entry a format."""

import csv
import json
from typing import Any, TextIO

from genrestream.files import writing
from genrestream.output.sink import Sink
from genrestream.output.text import cells
from genrestream.streaming.predictions import Prediction, Verdict
from genrestream.streaming.status import Event
from genrestream.streaming.table import row


def chunk_record(source: str, prediction: Prediction) -> dict[str, Any]:
    """Return a chunk's record."""
    return {"type": "chunk", "source": source, **prediction.to_dict()}


def verdict_record(verdict: Verdict) -> dict[str, Any]:
    """Return a whole stream's record."""
    return {"type": "verdict", **verdict.to_dict()}


def event_record(source: str, event: Event) -> dict[str, Any]:
    """Return the record of something that happened to a live run."""
    return {"type": "event", "source": source, **event.to_dict()}


def error_record(source: str, message: str) -> dict[str, Any]:
    """Return the record of a source that could not be classified."""
    return {"type": "error", "source": source, "error": message}


class JsonLines(Sink):
    """One JSON object a line: chunks, then the verdict or error of each source."""

    def __init__(self, file: TextIO, labels: tuple[str, ...]):
        self._file = file

    def chunk(self, source: str, prediction: Prediction) -> None:
        """Write a chunk."""
        self._write(chunk_record(source, prediction))

    def event(self, source: str, event: Event) -> None:
        """Write something that happened to a live run."""
        self._write(event_record(source, event))

    def verdict(self, verdict: Verdict) -> None:
        """Write a verdict."""
        self._write(verdict_record(verdict))

    def error(self, source: str, message: str) -> None:
        """Write an error."""
        self._write(error_record(source, message))

    def _write(self, record: dict[str, Any]) -> None:
        self._file.write(json.dumps(record, ensure_ascii=False) + "\n")
        self._file.flush()


class Csv(Sink):
    """One row a chunk, event, verdict or error; the running probabilities in a column a label.

    Text that a spreadsheet would take for a formula gets a ``'`` before it, and control characters are escaped.
    """

    COLUMNS = (
        "type", "source", "start_s", "end_s", "chosen", "chunk_probability", "state", "genre", "probability",
        "votes", "n_votes", "rule", "level_db", "padded_s", "problems",
    )  # fmt: skip

    def __init__(self, file: TextIO, labels: tuple[str, ...]):
        self._file = file
        self._rows = csv.DictWriter(file, [*self.COLUMNS, *(f"p:{label}" for label in labels)], restval="")
        self._rows.writeheader()

    def chunk(self, source: str, prediction: Prediction) -> None:
        """Write a chunk."""
        self._write({"type": "chunk", "source": source, **row(prediction)})

    def event(self, source: str, event: Event) -> None:
        """Write something that happened to a live run."""
        time_s = round(event.time_s, 6)
        times = {"start_s": time_s, "end_s": time_s}
        self._write({"type": "event", "source": source, **times, "state": event.state, "problems": event.message})

    def verdict(self, verdict: Verdict) -> None:
        """Write a verdict."""
        self._write({"type": "verdict", **row(verdict)})

    def error(self, source: str, message: str) -> None:
        """Write an error."""
        self._write({"type": "error", "source": source, "problems": message})

    def _write(self, fields: dict[str, Any]) -> None:
        self._rows.writerow(cells(fields))
        self._file.flush()


class Json(Sink):
    """One document, ``{"files": [{"source", "chunks", "verdict" or "error"}]}``, written as it goes."""

    def __init__(self, file: TextIO, labels: tuple[str, ...]):
        self._file = file
        self._n_files = self._n_chunks = 0
        self._is_open = False
        file.write('{"files": [')

    def chunk(self, source: str, prediction: Prediction) -> None:
        """Write a chunk."""
        self._open(source)
        self._file.write((",\n  " if self._n_chunks else "\n  ") + _json(chunk_record(source, prediction)))
        self._n_chunks += 1

    def verdict(self, verdict: Verdict) -> None:
        """Write a verdict."""
        self._open(verdict.source)
        self._end("verdict", verdict_record(verdict))

    def error(self, source: str, message: str) -> None:
        """Write an error."""
        self._open(source)
        self._end("error", message)

    def close(self) -> None:
        """End the document."""
        self._file.write("\n]}\n")
        self._file.flush()

    def _open(self, source: str) -> None:
        if not self._is_open:
            self._file.write((",\n" if self._n_files else "\n") + f'{{"source": {_json(source)}, "chunks": [')
            self._is_open, self._n_chunks, self._n_files = True, 0, self._n_files + 1

    def _end(self, name: str, value: Any) -> None:
        self._file.write(f'], "{name}": {_json(value)}}}')
        self._file.flush()
        self._is_open = False


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


FORMATS: dict[str, type[JsonLines] | type[Csv] | type[Json]] = {"jsonl": JsonLines, "csv": Csv, "json": Json}


def open_output(path: str) -> TextIO:
    """Open a file for results, replacing what is there.

    Raises:
        OutputError: It cannot be written.
    """
    with writing(f"--output {path}"):
        return open(path, "w", encoding="utf-8", errors="backslashreplace", newline="")
