"""Scores of predictions by track: accuracy with its interval, recall by genre, calibration."""

import numpy as np


def accuracy_interval(correct: np.ndarray, n_draws: int = 10_000, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of an accuracy.

    Args:
        correct: Whether each track was right, boolean, shape (n_tracks,).
        n_draws: Bootstrap samples.
        seed: Of the draws.
    """
    draws = np.random.default_rng(seed).integers(len(correct), size=(n_draws, len(correct)))
    low, high = np.percentile(correct[draws].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def recall_by_class(predicted: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Return each class's share of tracks that were named right, shape (n_classes,)."""
    return np.array([(predicted[labels == label] == label).mean() for label in range(n_classes)])


def macro_f1(predicted: np.ndarray, labels: np.ndarray, n_classes: int) -> float:
    """Return the mean over classes of the harmonic mean of precision and recall."""
    hits = np.array([((predicted == c) & (labels == c)).sum() for c in range(n_classes)])
    named = np.bincount(predicted, minlength=n_classes) + np.bincount(labels, minlength=n_classes)
    return float(np.mean(2 * hits / np.maximum(1, named)))


def calibration_error(probs: np.ndarray, labels: np.ndarray, n_bins: int = 15) -> float:
    """Return the expected calibration error of the most probable class (Guo et al. 2017), 0 to 1.

    Args:
        probs: Shape (n, n_classes), rows summing to 1.
        labels: Shape (n,).
        n_bins: Bins of equal width.
    """
    confidence, correct = probs.max(axis=1), probs.argmax(axis=1) == labels
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    gaps = [abs(confidence[bins == b].sum() - correct[bins == b].sum()) for b in range(n_bins)]
    return float(sum(gaps) / len(labels))
