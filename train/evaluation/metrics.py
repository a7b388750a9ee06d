"""Numbers from labels and predictions: accuracy with its interval over tracks, paired tests, calibration.

scikit-learn's functions are used where it has them. A prediction of -1 means no answer (the track is silent) and counts
as wrong. Bootstraps draw tracks, never chunks, because the chunks of one track are not independent.
"""

import dataclasses
from typing import Any

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, f1_score, precision_recall_fscore_support, roc_auc_score

N_DRAWS = 10_000
ZERO: Any = 0  # a class that was never predicted has precision 0, without a warning


def accuracy_interval(
    correct: np.ndarray, n_draws: int = N_DRAWS, seed: int = 0, weights: np.ndarray | None = None
) -> tuple[float, float]:
    """Return the 95 % interval over tracks of a mean: by bootstrap, or by Wilson where each track is right or wrong.

    A bootstrap of few tracks that are all right would end at 1 on both sides.

    Args:
        correct: Each track's share of right answers, or a boolean, shape (n_tracks,); differences of two models give
            the interval of the difference.
        n_draws: Bootstrap samples.
        seed: Seed of the draws.
        weights: The weight of each track, such as its number of chunks; equal by default.
    """
    if weights is None and len(correct) and np.asarray(correct).dtype == bool:
        ends = binomtest(int(correct.sum()), len(correct)).proportion_ci(method="wilson")
        return float(ends.low), float(ends.high)
    weights = np.ones(len(correct)) if weights is None else weights
    draws = np.random.default_rng(seed).integers(len(correct), size=(n_draws, len(correct)))
    means = (correct * weights)[draws].sum(axis=1) / np.maximum(weights[draws].sum(axis=1), 1e-12)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def macro_interval(
    correct: np.ndarray, labels: np.ndarray, n_draws: int = N_DRAWS, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % interval of the mean over genres, with tracks drawn within each genre; shapes (n_tracks,)."""
    rng = np.random.default_rng(seed)
    genres = [correct[labels == label] for label in np.unique(labels)]
    means = [genre[rng.integers(len(genre), size=(n_draws, len(genre)))].mean(axis=1) for genre in genres]
    low, high = np.percentile(np.mean(means, axis=0), [2.5, 97.5])
    return float(low), float(high)


def by_class(predicted: np.ndarray, labels: np.ndarray, n_classes: int) -> dict[str, np.ndarray]:
    """Return precision, recall, F1 and support of each class, each of shape (n_classes,)."""
    scores: Any = precision_recall_fscore_support(labels, predicted, labels=range(n_classes), zero_division=ZERO)
    return dict(zip(("precision", "recall", "f1", "support"), scores, strict=True))


def macro_f1(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean F1 of the classes that occur."""
    return float(f1_score(labels, predicted, labels=np.unique(labels), average="macro", zero_division=ZERO))


def area_by_class(probs: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Return each class's area under the ROC curve and average precision against the rest.

    Args:
        probs: Shape (n, n_classes).
        labels: Shape (n,).

    Returns:
        ``auc`` and ``average_precision``, shape (n_classes,); NaN where all or none are of the class.
    """
    truths = [labels == label for label in range(probs.shape[1])]
    pairs = [(truth, probs[:, label]) if 0 < truth.sum() < len(truth) else None for label, truth in enumerate(truths)]
    return {
        "auc": np.array([roc_auc_score(*pair) if pair else np.nan for pair in pairs]),
        "average_precision": np.array([average_precision_score(*pair) if pair else np.nan for pair in pairs]),
    }


@dataclasses.dataclass(frozen=True, eq=False)
class Reliability:
    """Confidence against accuracy in bins of equal width; arrays of shape (n_bins,), NaN where a bin is empty.

    Attributes:
        edges: Edges of the bins, shape (n_bins + 1,).
        counts: Answers in each bin.
        confidence: Mean probability of the answers.
        accuracy: Share of right answers.
        low: Lower end of the accuracy's 95 % Wilson interval.
        high: Upper end of that interval.
    """

    edges: np.ndarray
    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    low: np.ndarray
    high: np.ndarray


def reliability(probs: np.ndarray, labels: np.ndarray, n_bins: int = 10) -> Reliability:
    """Return how often the most probable class is right, by its probability; shapes (n, n_classes) and (n,)."""
    confidence, correct = probs.max(axis=1), probs.argmax(axis=1) == labels
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    counts = np.bincount(bins, minlength=n_bins)
    hits = np.bincount(bins, correct, n_bins).astype(int)
    intervals = [
        binomtest(hit, n).proportion_ci(method="wilson") if n else (np.nan, np.nan)
        for hit, n in zip(hits.tolist(), counts.tolist(), strict=True)
    ]
    filled = np.where(counts, counts, np.nan)
    return Reliability(
        np.linspace(0, 1, n_bins + 1),
        counts,
        np.bincount(bins, confidence, n_bins) / filled,
        hits / filled,
        *np.array(intervals, float).T,
    )


def calibration_error(probs: np.ndarray, labels: np.ndarray, n_bins: int = 15) -> float:
    """Return the expected calibration error of the most probable class (Guo et al. 2017), 0 to 1.

    Args:
        probs: Shape (n, n_classes), rows summing to 1.
        labels: Shape (n,).
        n_bins: Bins of equal width.
    """
    bins = reliability(probs, labels, n_bins)
    gaps = np.nan_to_num(np.abs(bins.confidence - bins.accuracy))
    return float((gaps * bins.counts).sum() / len(labels))


def mcnemar(first: np.ndarray, second: np.ndarray) -> tuple[int, int, float]:
    """Compare two models on the same tracks by McNemar's exact test.

    Args:
        first: Whether the first was right, boolean, shape (n_tracks,).
        second: Whether the second was right, on the same tracks.

    Returns:
        Number of tracks that only the first had right, number that only the second had right, two-sided p-value.
    """
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    differing = only_first + only_second
    return only_first, only_second, float(binomtest(only_first, differing).pvalue) if differing else 1.0


def holm(p_values: np.ndarray) -> np.ndarray:
    """Return p-values adjusted for the number of tests (Holm 1979), shape (n,)."""
    order = np.argsort(p_values)
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
