"""Results for machines: JSON Lines, CSV and JSON, one class and one dict entry a format."""

import csv
import json
from collections.abc import Mapping
from typing import Any, TextIO

from genrestream.files import writing
from genrestream.output.sink import Sink
from genrestream.streaming.predictions import Decision, Prediction, Verdict
from genrestream.streaming.status import Event


def _rounded(probs: Mapping[str, float]) -> dict[str, float]:
    return {label: round(prob, 6) for label, prob in probs.items()}


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "state": decision.state,
        "genres": list(decision.genres),
        "probs": _rounded(decision.probs),
        "votes": {label: count for label, count in decision.votes.items() if count},
        "n_votes": decision.n_votes,
        "rule": decision.rule,
    }


def chunk_record(source: str, prediction: Prediction) -> dict[str, Any]:
    """Return a chunk's record: what it heard, what it said, and what the vote says after it."""
    return {
        "type": "chunk",
        "source": source,
        "start_s": round(prediction.start_s, 6),
        "end_s": round(prediction.end_s, 6),
        "padded_s": round(prediction.padded_s, 6),
        "level_db": round(prediction.level_db, 2),
        "silence": prediction.is_silence,
        "chosen": list(prediction.chosen),
        "probs": _rounded(prediction.probs),
        "running": _decision(prediction.running),
    }


def verdict_record(verdict: Verdict) -> dict[str, Any]:
    """Return a whole stream's record."""
    return {
        "type": "verdict",
        "source": verdict.source,
        "model": verdict.model,
        **_decision(verdict.final),
        "duration_s": round(verdict.duration_s, 6),
        "dropped_s": round(verdict.dropped_s, 6),
        "padded_s": round(verdict.padded_s, 6),
        "n_chunks": verdict.n_chunks,
        "n_silent": verdict.n_silent,
        "problems": list(verdict.problems),
    }


def event_record(source: str, event: Event) -> dict[str, Any]:
    """Return the record of what happened to a live run."""
    return {
        "type": "event",
        "source": source,
        "time_s": round(event.time_s, 6),
        "state": event.state,
        "message": event.message,
    }


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
        """Write what happened to a live run."""
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
    """One row a chunk, event, verdict or error; the running probabilities in a column a label."""

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
        record = chunk_record(source, prediction)
        row = {name: record[name] for name in ("type", "source", "start_s", "end_s", "level_db", "padded_s")}
        row["chosen"] = "silence" if prediction.is_silence else " + ".join(prediction.chosen)
        row["chunk_probability"] = max(record["probs"].values(), default="")
        self._write(row, prediction.running)

    def event(self, source: str, event: Event) -> None:
        """Write what happened to a live run."""
        time_s = round(event.time_s, 6)
        row = {"start_s": time_s, "end_s": time_s, "state": event.state, "problems": event.message}
        self._rows.writerow({"type": "event", "source": source, **row})
        self._file.flush()

    def verdict(self, verdict: Verdict) -> None:
        """Write a verdict."""
        record = verdict_record(verdict)
        row = {name: record[name] for name in ("type", "source", "padded_s")}
        row |= {"start_s": 0.0, "end_s": record["duration_s"], "problems": "; ".join(verdict.problems)}
        self._write(row, verdict.final)

    def error(self, source: str, message: str) -> None:
        """Write an error."""
        self._rows.writerow({"type": "error", "source": source, "problems": message})
        self._file.flush()

    def _write(self, row: dict[str, Any], decision: Decision) -> None:
        row |= {
            "state": decision.state,
            "genre": decision.genre,
            "probability": round(decision.probability, 6),
            "votes": sum(decision.votes[label] for label in decision.genres[:1]),
            "n_votes": decision.n_votes,
            "rule": decision.rule,
        }
        row |= {f"p:{label}": prob for label, prob in _rounded(decision.probs).items()}
        self._rows.writerow(row)
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
