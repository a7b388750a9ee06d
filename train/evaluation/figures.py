"""From scored chunks to the numbers of a report, ready for JSON."""

import statistics
import time
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np

from genrestream.api import Classifier
from genrestream.errors import UsageError
from genrestream.inference.checkpoint import Checkpoint
from genrestream.inference.network import load_weights
from genrestream.voting.vote import Rule
from train.evaluation.metrics import (
    accuracy_interval,
    area_by_class,
    by_class,
    calibration_error,
    macro_f1,
    macro_interval,
    mcnemar,
    reliability,
)
from train.evaluation.scores import Scored

MOMENTS_S = tuple(range(3, 31, 3))
CALIBRATED_S = (3, 6, 9, np.inf)  # after which the calibration error of each vote rule is reported
LEAST_PROBABILITIES = tuple(n / 100 for n in range(20, 100, 5))
LONG_S = 14.0  # separates GTZAN's full and half tracks from its excerpts of 2 to 3 s


def answers(probs: np.ndarray) -> np.ndarray:
    """Return the most probable class of each row, -1 where nothing was voted; shape (n,)."""
    return np.where(probs.sum(axis=1) > 0, probs.argmax(axis=1), -1)


def correct(scored: Scored, rule: Rule = "mean", until_s: float = np.inf) -> np.ndarray:
    """Return whether each track's vote is right, boolean, shape (n_tracks,)."""
    return answers(scored.track_probs(rule, until_s)) == scored.labels


def assess(scored: Scored) -> dict[str, Any]:
    """Return all figures of one model: by track, by chunk, by genre, by seconds of audio, calibration."""
    probs = scored.track_probs()
    return {
        "n_tracks": len(scored.tracks),
        "n_chunks": len(scored.start_s),
        "problems": list(scored.problems),
        "track": _track(probs, scored.labels),
        "chunk": _chunk(scored),
        "by_genre": _by_genre(probs, scored),
        "confusion": confusion(answers(probs), scored.labels, len(scored.genres)).tolist(),
        "by_length": _by_length(scored),
        "calibration": _calibration(scored),
        "calibration_by_rule": _calibration_by_rule(scored),
        "risk_coverage": risk_coverage(probs, scored.labels),
        "by_seconds": by_seconds(scored),
    }


def brief(scored: Scored) -> dict[str, Any]:
    """Return the figures of a further dataset: accuracy by track, over genres, by genre, and calibration."""
    figures = assess(scored)
    return {
        "n_tracks": figures["n_tracks"],
        **{name: figures["track"][name] for name in ("accuracy", "accuracy_95", "macro_recall", "mean_over_genres_95")},
        "recall": {genre: row["recall"] for genre, row in figures["by_genre"].items()},
        "calibration_error_track": figures["calibration"]["track"]["calibration_error"],
        "calibration_by_rule": figures["calibration_by_rule"],
        "risk_coverage": figures["risk_coverage"],
        "confusion": figures["confusion"],
    }


def _track(probs: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    predicted, n_classes = answers(probs), probs.shape[1]
    right, genres = predicted == labels, by_class(predicted, labels, n_classes)
    present, share = genres["support"] > 0, genres["support"] / genres["support"].sum()
    figures: dict[str, Any] = {
        "accuracy": float(right.mean()),
        "accuracy_95": accuracy_interval(right),
        "mean_over_genres_95": macro_interval(right, labels),
        "unanswered": int((predicted < 0).sum()),
    }
    for name in ("precision", "recall", "f1"):
        figures[f"macro_{name}"] = float(genres[name][present].mean())
        figures[f"weighted_{name}"] = float(genres[name] @ share)
    areas = area_by_class(probs, labels)
    return figures | {f"macro_{name}": float(np.nanmean(values)) for name, values in areas.items()}


def _chunk(scored: Scored) -> dict[str, Any]:
    """Score single chunks; the interval draws tracks, because the chunks of one track are not independent."""
    probs, labels = scored.chunk_probs(), scored.labels[scored.track]
    votes = ~np.isnan(probs[:, 0])
    predicted = np.where(votes, np.nan_to_num(probs).argmax(axis=1), -1)
    counts = np.bincount(scored.track[votes], minlength=len(scored.tracks))
    hits = np.bincount(scored.track[votes], (predicted == labels)[votes], len(scored.tracks))
    shares = hits / np.maximum(counts, 1)
    return {
        "accuracy": float(hits.sum() / counts.sum()),
        "accuracy_95": accuracy_interval(shares, weights=counts.astype(float)),
        "accuracy_tracks_alike": float(shares.mean()),
        "macro_f1": macro_f1(predicted[votes], labels[votes]),
        "n_not_music": int((~votes).sum()),
    }


def _by_genre(probs: np.ndarray, scored: Scored) -> dict[str, dict[str, Any]]:
    columns = by_class(answers(probs), scored.labels, len(scored.genres)) | area_by_class(probs, scored.labels)
    return {
        genre: {name: _number(values[label]) for name, values in columns.items()}
        for label, genre in enumerate(scored.genres)
    }


def _number(value: Any) -> float | int | None:
    """Return a number for JSON, which has no NaN."""
    return None if np.isnan(value) else int(value) if float(value).is_integer() and value > 1 else float(value)


def confusion(predicted: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the number of tracks by true class (rows) and answer (columns), without those unanswered."""
    answered = predicted >= 0
    counts = np.zeros((n_classes, n_classes), int)
    np.add.at(counts, (labels[answered], predicted[answered]), 1)
    return counts


def _by_length(scored: Scored) -> dict[str, dict[str, Any]]:
    """Return accuracy for tracks of one chunk, of a few, and of many."""
    right, lengths_s = correct(scored), scored.lengths_s()
    groups = {
        "one chunk": lengths_s <= scored.chunk_s,
        f"more, under {LONG_S:g} s": (lengths_s > scored.chunk_s) & (lengths_s < LONG_S),
        f"{LONG_S:g} s or more": (lengths_s > scored.chunk_s) & (lengths_s >= LONG_S),
    }
    return {
        name: {
            "n_tracks": int(those.sum()),
            "accuracy": float(right[those].mean()),
            "accuracy_95": accuracy_interval(right[those]),
        }
        for name, those in groups.items()
        if those.any()
    }


def _calibration(scored: Scored) -> dict[str, Any]:
    moments = {"track": scored.track_probs(), "first_chunk": scored.track_probs(until_s=scored.chunk_s)}
    figures = {}
    for moment, probs in moments.items():
        voted = probs.sum(axis=1) > 0
        probs, labels = probs[voted], scored.labels[voted]
        bins = {name: [_number(x) for x in values] for name, values in vars(reliability(probs, labels)).items()}
        sure = probs.max(axis=1) >= 0.5
        right = probs.argmax(axis=1) == labels
        figures[moment] = {
            "calibration_error": calibration_error(probs, labels),
            "mean_confidence": float(probs.max(axis=1).mean()),
            "unsure_below_half": float((~sure).mean()),
            "accuracy_where_sure": float(right[sure].mean()) if sure.any() else None,
            "bins": bins,
        }
    return figures


def _calibration_by_rule(scored: Scored) -> dict[str, list[float]]:
    """Return the calibration error of each vote rule after the times of ``CALIBRATED_S``."""
    errors: dict[str, list[float]] = {}
    for rule in get_args(Rule):
        votes = scored.running(rule)
        moments = [votes[scored.last_chunks(moment)] for moment in CALIBRATED_S]
        voted = [probs.sum(axis=1) > 0 for probs in moments]
        pairs = zip(moments, voted, strict=True)
        errors[rule] = [calibration_error(probs[those], scored.labels[those]) for probs, those in pairs]
    return errors


def risk_coverage(probs: np.ndarray, labels: np.ndarray) -> list[dict[str, Any]]:
    """Return, for each least probability, the share of tracks that get a genre, and the share of those that are right.

    Args:
        probs: The tracks' probabilities, shape (n_tracks, n_classes).
        labels: Their genres, shape (n_tracks,).
    """
    right, most = answers(probs) == labels, probs.max(axis=1)
    named = {least: (most >= least) & (most > 0) for least in LEAST_PROBABILITIES}
    return [
        {
            "min_probability": least,
            "coverage": float(those.mean()),
            "accuracy": float(right[those].mean()) if those.any() else None,
        }
        for least, those in named.items()
    ]


def by_seconds(scored: Scored, moments_s: Sequence[float] = MOMENTS_S) -> dict[str, Any]:
    """Return accuracy against seconds of audio, for each vote rule.

    Every moment uses the same tracks, those that last to the final moment: otherwise the curve would show a change of
    tracks. If tracks are short, the final moment is the latest one that at least ten tracks reach.
    """
    lengths_s = scored.lengths_s()
    moments = [moment for moment in moments_s if moment >= scored.chunk_s]
    moments = [moment for moment in moments if (lengths_s >= moment - 1e-6).sum() >= 10]
    if not moments:
        return {}
    long = scored.select(np.array(scored.tracks)[lengths_s >= moments[-1] - 1e-6].tolist())
    n_classes = len(long.genres)
    rules: dict[str, Any] = {}
    for rule in get_args(Rule):
        votes = long.running(rule)
        predicted = [answers(votes[long.last_chunks(moment)]) for moment in moments]
        present = np.unique(long.labels)
        rules[rule] = {
            "accuracy": [float((guess == long.labels).mean()) for guess in predicted],
            "accuracy_95": [accuracy_interval(guess == long.labels, 2_000) for guess in predicted],
            "mean_over_genres": [
                float(by_class(guess, long.labels, n_classes)["recall"][present].mean()) for guess in predicted
            ],
            "mean_over_genres_95": [macro_interval(guess == long.labels, long.labels, 2_000) for guess in predicted],
        }
    return {"seconds": moments, "n_tracks": len(long.tracks), "n_genres": len(np.unique(long.labels)), "rules": rules}


def over_seeds(seeds: Sequence[Scored]) -> dict[str, Any]:
    """Return the mean and spread over seeds, with the interval over tracks of the mean.

    A track's score is the share of seeds that are right about it, so the interval is for the average over seeds.
    """
    seeds = [seeds[0], *(seed.select(seeds[0].tracks) for seed in seeds[1:])]
    rights = np.stack([correct(seed) for seed in seeds])
    chunks = [_chunk(seed)["accuracy"] for seed in seeds]
    f1s = [macro_f1(answers(seed.track_probs()), seed.labels) for seed in seeds]
    spread = {"accuracy": rights.mean(axis=1), "chunk_accuracy": np.array(chunks), "macro_f1": np.array(f1s)}
    figures: dict[str, Any] = {
        "n_seeds": len(seeds),
        "accuracy_95": accuracy_interval(rights[0] if len(seeds) == 1 else rights.mean(axis=0)),
    }
    for name, values in spread.items():
        figures[name] = float(values.mean())
        figures[f"{name}_sd"] = float(values.std(ddof=1)) if len(seeds) > 1 else None
    return figures


def paired(first: Scored, second: Scored, until_s: float = np.inf) -> dict[str, Any]:
    """Compare two models on their common tracks: difference, its interval, McNemar's test.

    Args:
        first: One model's scores.
        second: The other's.
        until_s: The votes after so many seconds are compared.

    Raises:
        UsageError: They have no track in common.
    """
    both = set(second.tracks)
    common = [name for name in first.tracks if name in both]
    if not common:
        raise UsageError("two models were scored on no common track; give models with the same held-out tracks")
    first, second = first.select(common), second.select(common)
    one, other = correct(first, until_s=until_s), correct(second, until_s=until_s)
    only_first, only_second, p_value = mcnemar(one, other)
    return {
        "n_tracks": len(common),
        "difference": float(one.mean() - other.mean()),
        "difference_95": accuracy_interval(one.astype(float) - other),
        "only_first": only_first,
        "only_second": only_second,
        "p": p_value,
    }


N_CALLS = 15


def n_parameters(model: Checkpoint) -> int:
    """Return the number of a model's weights, running statistics included."""
    return sum(array.size for array in load_weights(model).values())


def ms_per_chunk(model: Classifier) -> float:
    """Return the median time from a chunk's last sample to its prediction, in ms; other work on the machine counts."""
    frontend = model.card.frontend
    chunk = 0.1 * np.random.default_rng(0).standard_normal(frontend.n_samples, np.float32)
    session, times_s = model.session(hop_s=frontend.chunk_s), []
    for _ in range(N_CALLS):
        began_s = time.perf_counter()
        session.push(chunk, frontend.sample_rate)
        times_s.append(time.perf_counter() - began_s)
    return 1000 * statistics.median(times_s)
