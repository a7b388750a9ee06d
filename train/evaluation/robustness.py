"""Accuracy on distorted tracks; each track is scored by a model that was not trained on it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from train.augment.distort import DISTORTIONS
from train.data.tracks import Track
from train.evaluation.figures import answers, correct
from train.evaluation.metrics import accuracy_interval, by_class, holm, mcnemar
from train.evaluation.scores import Scored


def subset(tracks: Sequence[Track], n_tracks: int, seed: int = 0) -> list[Track]:
    """Draw tracks with equal numbers for each genre, as far as there are enough.

    Args:
        tracks: The tracks to draw from.
        n_tracks: The largest number to draw.
        seed: Seed of the draw.
    """
    order = np.random.default_rng(seed).permutation(len(tracks))
    rank: dict[str, int] = {}
    places = []
    for place in order.tolist():
        genre = tracks[place].genre
        rank[genre] = rank.get(genre, 0) + 1
        places.append((rank[genre], genre, place))
    return [tracks[place] for _, _, place in sorted(places)[:n_tracks]]


def robustness(clean: Scored, score_distorted: Callable[[str], Scored]) -> dict[str, Any]:
    """Return accuracy under each distortion, and its paired difference from clean.

    Args:
        clean: Scores of at least the tracks that are distorted.
        score_distorted: A function from a distortion's name to the scores.
    """
    rows: dict[str, Any] = {}
    for name in DISTORTIONS:
        distorted = score_distorted(name)
        same = clean.select(distorted.tracks)
        if not rows:
            rows["clean"] = _row(same)
        before, after = correct(same), correct(distorted)
        rows[name] = _row(distorted) | {
            "difference": float(after.mean() - before.mean()),
            "difference_95": accuracy_interval(after.astype(float) - before),
            "p": mcnemar(before, after)[2],
        }
    for name, p_value in zip(DISTORTIONS, holm(np.array([rows[name]["p"] for name in DISTORTIONS])), strict=True):
        rows[name]["p_holm"] = float(p_value)
    return rows


def _row(scored: Scored) -> dict[str, Any]:
    right, probs = correct(scored), scored.track_probs()
    recall = by_class(answers(probs), scored.labels, len(scored.genres))["recall"]
    return {
        "n_tracks": len(right),
        "accuracy": float(right.mean()),
        "accuracy_95": accuracy_interval(right),
        "mean_over_genres": float(recall[np.unique(scored.labels)].mean()),
        "unsure_below_half": float((probs.max(axis=1) < 0.5).mean()),
    }
