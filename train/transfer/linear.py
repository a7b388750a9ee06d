"""A linear layer on features of several kinds, fitted as a whole: softmax regression with a penalty for each kind."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize

LEAST_SPREAD = 1e-3  # of a feature; one that varies less would be blown up


def fit_linear(
    features: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    penalties: np.ndarray,
    n_classes: int,
    n_steps: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Fit by L-BFGS, and stop early: the penalties alone leave the layer too sure of itself.

    Args:
        features: Shape (n_rows, n_features), any float type.
        labels: Shape (n_rows,).
        weights: What each row weighs in the loss, shape (n_rows,).
        penalties: Of half the squared weight of each standardised feature, shape (n_features,), against a loss that
            is the weighted mean over the rows.
        n_classes: Outputs.
        n_steps: Steps at the most.

    Returns:
        The kernel, shape (n_features, n_classes), and the bias, for unscaled features; float32.
    """
    mean, spread = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64) + LEAST_SPREAD
    scale = (1 / (spread * np.sqrt(penalties))).astype(np.float32)
    x = (features.astype(np.float32) - mean.astype(np.float32)) * scale
    one_hot = np.eye(n_classes, dtype=np.float32)[labels]
    share = (weights / weights.sum()).astype(np.float32)[:, None]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        kernel = flat.astype(np.float32).reshape(-1, n_classes)
        logits = x @ kernel[:-1] + kernel[-1]
        logits -= logits.max(axis=1, keepdims=True)
        log_probs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        slope = share * (np.exp(log_probs) - one_hot)
        value = -float((share * one_hot * log_probs).sum(dtype=np.float64)) + 0.5 * float((kernel[:-1] ** 2).sum())
        gradient = np.concatenate([x.T @ slope + kernel[:-1], slope.sum(axis=0)[None]])
        return value, gradient.astype(np.float64).ravel()

    start = np.zeros((x.shape[1] + 1) * n_classes)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": n_steps, "maxcor": 12})
    fitted = found.x.reshape(-1, n_classes)
    kernel = fitted[:-1] * scale[:, None]
    return kernel.astype(np.float32), (fitted[-1] - mean @ kernel).astype(np.float32)


def penalty_of(blocks: Sequence[tuple[slice, float]], n_features: int) -> np.ndarray:
    """Return the penalty of each feature, from those of blocks of them."""
    penalties = np.ones(n_features)
    for block, penalty in blocks:
        penalties[block] = penalty
    return penalties
