"""Calibration: the temperature that makes a model's running probabilities as true as possible (Guo et al. 2017).

It is fitted to the running vote, which is what a user sees, and not to single chunks: a vote of many chunks is
overconfident to another degree than a chunk is.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from train.evaluation.scores import Scored, joined

AFTER_CHUNKS = (1, 2, 3, 5, 10)
BOUNDS = (-4.0, 4.0)  # of the temperature's logarithm


def temperature(scored: Scored) -> float:
    """Return the temperature for these tracks, which the model must not have been trained on.

    It minimises the mean negative log-likelihood of the tracks' genres under the mean vote after 1, 2, 3, 5 and 10
    chunks (or at a shorter track's end). The temperatures in ``scored`` are not used.
    """

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(scored, float(np.exp(log_temperature)))

    best: Any = minimize_scalar(loss, bounds=BOUNDS, method="bounded")
    return float(np.exp(best.x))


def cross_fitted(folds: Sequence[Scored]) -> list[Scored]:
    """Return each fold's scores at a temperature fitted to the other folds' tracks."""
    others = [[other for other in folds if other is not fold] for fold in folds]
    return [fold.at_temperature(temperature(joined(rest))) for fold, rest in zip(folds, others, strict=True)]


def negative_log_likelihood(scored: Scored, temperature: float) -> float:
    """Return minus the log of the true genre's running probability, the mean over tracks and moments."""
    votes = scored.at_temperature(temperature).running("mean")
    losses = []
    for n_chunks in AFTER_CHUNKS:
        probs = votes[scored.chunk_numbered(n_chunks)][np.arange(len(scored.labels)), scored.labels]
        voted = probs > 0  # a silent track has no vote
        losses.append(-np.log(probs[voted]).mean())
    return float(np.mean(losses))
