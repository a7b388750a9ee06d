"""A linear layer on frozen features, fitted as a whole: penalised softmax, or logistic, regression by L-BFGS.

All passes over the rows are in blocks, so that rows on the disk (float16, mapped into memory) need no memory. Where
there are fewer rows than features, the fit is done in the space that the rows span, which gives the same layer.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.optimize import minimize

LEAST_SPREAD = 1e-3  # of a feature; one that varies less would be blown up
BLOCK_ROWS = 16_384
MAX_KEPT = 1 << 30  # bytes of standardised rows that are kept between passes; more are standardised in each pass
MAX_SPANNED = 1_024  # rows; for more of them, to find the space that they span takes longer than it saves


class LinearFit:
    """Rows ready to be fitted, several times: with other labels, other strengths of the penalty.

    Args:
        features: Shape (n_rows, n_features), any float type.
        weights: What each row weighs in the loss, shape (n_rows,).
        penalties: Of half the squared weight of each standardised feature, shape (n_features,), against a loss that
            is the weighted mean over the rows.
    """

    def __init__(self, features: np.ndarray, weights: np.ndarray, penalties: np.ndarray):
        self._rows = features
        self._mean, spread = _moments(features)
        self._scale = (1 / ((spread + LEAST_SPREAD) * np.sqrt(penalties))).astype(np.float32)
        self._share = (weights / weights.sum()).astype(np.float32)[:, None]
        self._back: np.ndarray | None = None  # from the space that the rows span to the features
        self._kept: np.ndarray | None = None
        n_rows, n_features = features.shape
        if 4 * n_rows * n_features <= MAX_KEPT:
            self._kept = self._scaled(slice(None))
        if n_rows < min(n_features, MAX_SPANNED) and self._kept is not None:
            squares, vectors = np.linalg.eigh((self._kept @ self._kept.T).astype(np.float64))
            is_real = squares > 1e-6 * max(squares.max(initial=0.0), 1e-12)
            lengths, vectors = np.sqrt(squares[is_real]), vectors[:, is_real]
            self._back = self._kept.T @ (vectors / lengths).astype(np.float32)
            self._kept = (vectors * lengths).astype(np.float32)

    def fit(
        self, labels: np.ndarray, n_classes: int, n_steps: int, strength: float = 1.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Fit, and stop early: the penalties alone leave the layer too sure of itself.

        Args:
            labels: A class for each row, shape (n_rows,), for a softmax; or whether each row has each class, boolean,
                shape (n_rows, n_classes), where several may hold at once.
            n_classes: Outputs.
            n_steps: Steps at the most.
            strength: All penalties are multiplied by it.

        Returns:
            The kernel, shape (n_features, n_classes), and the bias, for unscaled features; float32.
        """
        shrink = np.float32(1 / np.sqrt(strength))

        def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
            kernel = flat.astype(np.float32).reshape(-1, n_classes)
            value, gradient = 0.5 * float((kernel[:-1] ** 2).sum()), np.zeros(kernel.shape, np.float64)
            gradient[:-1] = kernel[:-1]
            for block, x in self._blocks():
                logits = shrink * (x @ kernel[:-1]) + kernel[-1]
                losses, slope = (
                    _softmax(logits, labels[block]) if labels.ndim == 1 else _logistic(logits, labels[block])
                )
                share = self._share[block]
                value += float((share[:, 0] * losses).sum(dtype=np.float64))
                gradient[:-1] += shrink * (x.T @ (share * slope))
                gradient[-1] += (share * slope).sum(axis=0)
            return value, gradient.ravel()

        n_inputs = len(self._scale) if self._back is None else self._back.shape[1]
        start = np.zeros((n_inputs + 1) * n_classes)
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": n_steps, "maxcor": 12})
        fitted = found.x.reshape(-1, n_classes)
        inner = fitted[:-1] if self._back is None else self._back @ fitted[:-1]
        kernel = inner * (shrink * self._scale)[:, None]
        return kernel.astype(np.float32), (fitted[-1] - self._mean @ kernel).astype(np.float32)

    def _scaled(self, block: slice) -> np.ndarray:
        return (self._rows[block].astype(np.float32) - self._mean.astype(np.float32)) * self._scale

    def _blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        if self._kept is not None:
            yield slice(None), self._kept
            return
        for start in range(0, len(self._rows), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            yield block, self._scaled(block)


def fit_linear(
    features: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    penalties: np.ndarray,
    n_classes: int,
    n_steps: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Fit a layer once; see ``LinearFit`` for the arguments and what is returned."""
    return LinearFit(features, weights, penalties).fit(labels, n_classes, n_steps)


def penalty_of(blocks: Sequence[tuple[slice, float]], n_features: int) -> np.ndarray:
    """Return the penalty of each feature, from those of blocks of them."""
    penalties = np.ones(n_features)
    for block, penalty in blocks:
        penalties[block] = penalty
    return penalties


def _moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the standard deviation of each feature, float64, in two passes."""
    starts = range(0, len(features), BLOCK_ROWS)
    blocks = (features[start : start + BLOCK_ROWS] for start in starts)
    mean = sum(block.sum(axis=0, dtype=np.float64) for block in blocks) / len(features)
    blocks = (features[start : start + BLOCK_ROWS] for start in starts)
    squares = sum(np.square(block.astype(np.float64) - mean).sum(axis=0) for block in blocks)
    return np.asarray(mean), np.sqrt(np.asarray(squares) / len(features))


def _softmax(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the cross entropy of each row and its slope by the logits."""
    logits = logits - logits.max(axis=1, keepdims=True)
    log_probs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    here = np.arange(len(labels)), labels
    slope = np.exp(log_probs)
    slope[here] -= 1
    return -log_probs[here], slope


def _logistic(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sum over the classes of each row's binary cross entropy, and its slope by the logits."""
    probs = 0.5 * (1 + np.tanh(0.5 * logits))
    losses = np.logaddexp(0, logits) - labels * logits
    return losses.sum(axis=1), probs - labels
