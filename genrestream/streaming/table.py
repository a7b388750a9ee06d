"""Predictions and verdicts as the rows of a table: for CSV, pandas and polars."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from genrestream.streaming.history import NO_GENRE
from genrestream.streaming.predictions import Decision, Prediction, Verdict

DECISION = ("state", "genre", "probability", "votes", "n_votes", "rule", "since_s")
CHUNK = (
    "start_s", "end_s", "time", "title", "chosen", "chunk_probability", *DECISION, "level_db", "padded_s",
)  # fmt: skip
VERDICT = (
    "source", "model", *DECISION, "duration_s", "dropped_s", "padded_s", "n_chunks", "n_silent", "n_speech", "n_noise",
    "ending", "problems", "notes",
)  # fmt: skip


def chunk_columns(labels: Sequence[str]) -> list[str]:
    """Return the columns of a prediction's row, always in this order."""
    return [*CHUNK, *(f"p:{label}" for label in labels), *(f"c:{label}" for label in labels)]


def verdict_columns(labels: Sequence[str]) -> list[str]:
    """Return the columns of a verdict's row, always in this order."""
    names = dict.fromkeys((*labels, *NO_GENRE))  # a model may have a label "silence"
    return [*VERDICT, *(f"p:{label}" for label in labels), *(f"s:{name}" for name in names)]


def row(result: Prediction | Verdict) -> dict[str, Any]:
    """Return one prediction or verdict as a flat row.

    Of each label the running probability is in the column ``p:LABEL``; the chunk's own is in ``c:LABEL``, None where it
    is no music; how many seconds a verdict counts for it are in ``s:LABEL``, None where it counts none.
    """
    return _chunk(result) if isinstance(result, Prediction) else _verdict(result)


def table(results: Iterable[Prediction | Verdict]) -> dict[str, list[Any]]:
    """Return predictions or verdicts as columns, for ``pandas.DataFrame(…)`` or ``polars.DataFrame(…)``.

    Args:
        results: Predictions, such as a stream yields, or verdicts, such as those of several files.

    Returns:
        Values by the name of their column, None where a row has none.
    """
    rows = [row(result) for result in results]
    names = dict.fromkeys(name for one in rows for name in one)
    return {name: [one.get(name) for one in rows] for name in names}


def _chunk(prediction: Prediction) -> dict[str, Any]:
    record, running = prediction.to_dict(), prediction.running
    probs, labels = record["probs"], list(running.probs)
    values = record | _decision(running) | _named("p", record["running"]["probs"], labels) | _named("c", probs, labels)
    values["chosen"] = " + ".join(prediction.chosen) if prediction.kind == "music" else prediction.kind
    values["chunk_probability"] = max(probs.values(), default=None)
    return {name: values[name] for name in chunk_columns(labels)}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    record, labels = verdict.to_dict(), list(verdict.final.probs)
    values = record | _decision(verdict.final) | _named("p", record["probs"], labels)
    values |= _named("s", record["seconds"], (*labels, *NO_GENRE))
    values |= {name: "; ".join(record[name]) for name in ("problems", "notes")}
    return {name: values[name] for name in verdict_columns(labels)}


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "state": decision.state,
        "genre": decision.genre,
        "probability": round(decision.probability, 6),
        "votes": sum(decision.votes[label] for label in decision.genres[:1]),
        "n_votes": decision.n_votes,
        "rule": decision.rule,
        "since_s": None if decision.since_s is None else round(decision.since_s, 6),
    }


def _named(prefix: str, values: Mapping[str, float], names: Sequence[str]) -> dict[str, float | None]:
    return {f"{prefix}:{name}": values.get(name) for name in names}
