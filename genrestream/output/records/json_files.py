"""Results as JSON: one object a line, or one document."""

import json
from typing import Any, TextIO

from genrestream.output.sink import Sink
from genrestream.streaming.predictions import Prediction, Verdict
from genrestream.streaming.status import Event


def chunk_record(source: str, prediction: Prediction) -> dict[str, Any]:
    """Return a chunk's record."""
    return {"type": "chunk", "source": source, **prediction.to_dict()}


def verdict_record(verdict: Verdict) -> dict[str, Any]:
    """Return a whole stream's record."""
    return {"type": "verdict", **verdict.to_dict()}


def event_record(source: str, event: Event) -> dict[str, Any]:
    """Return the record of something that happened to a run."""
    return {"type": "event", "source": source, **event.to_dict()}


def error_record(source: str, message: str) -> dict[str, Any]:
    """Return the record of a source that could not be classified."""
    return {"type": "error", "source": source, "error": message}


class JsonLines(Sink):
    """One JSON object a line: chunks and events, then the verdict or error of each source."""

    def __init__(self, file: TextIO):
        self._file = file

    def chunk(self, source: str, prediction: Prediction) -> None:
        """Write a chunk."""
        self._write(chunk_record(source, prediction))

    def event(self, source: str, event: Event) -> None:
        """Write something that happened to a run."""
        self._write(event_record(source, event))

    def verdict(self, verdict: Verdict) -> None:
        """Write a verdict."""
        self._write(verdict_record(verdict))

    def error(self, source: str, message: str) -> None:
        """Write an error."""
        self._write(error_record(source, message))

    def _write(self, record: dict[str, Any]) -> None:
        self._file.write(_json(record) + "\n")
        self._file.flush()


class Json(Sink):
    """One document, ``{"files": [{"source", "chunks", "verdict" or "error"}]}``, written as it goes, without events."""

    def __init__(self, file: TextIO):
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
