"""Predictions and verdicts as the rows of a table: for CSV, pandas and polars."""

from collections.abc import Iterable
from typing import Any

from genrestream.streaming.predictions import Decision, Prediction, Verdict


def row(result: Prediction | Verdict) -> dict[str, Any]:
    """Return one prediction or verdict as a flat row; each label's running probability is in the column ``p:LABEL``."""
    record = result.to_dict()
    if isinstance(result, Prediction):
        probs = record["probs"]
        first = {name: record[name] for name in ("start_s", "end_s")}
        first["chosen"] = " + ".join(result.chosen) if result.kind == "music" else result.kind
        first["chunk_probability"] = max(probs.values(), default=None)
        last = {name: record[name] for name in ("level_db", "padded_s")}
        return first | _decision(result.running) | last | _probs(record["running"]["probs"])
    first = {"source": result.source, "start_s": 0.0, "end_s": record["duration_s"]}
    last = {"padded_s": record["padded_s"], "problems": "; ".join(result.problems)}
    return first | _decision(result.final) | last | _probs(record["probs"])


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


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "state": decision.state,
        "genre": decision.genre,
        "probability": round(decision.probability, 6),
        "votes": sum(decision.votes[label] for label in decision.genres[:1]),
        "n_votes": decision.n_votes,
        "rule": decision.rule,
    }


def _probs(probs: dict[str, float]) -> dict[str, float]:
    return {f"p:{label}": prob for label, prob in probs.items()}
