"""Calibration: the temperature and the sharpness that calibrate a model's running probabilities.

Both are fitted to the running vote, which is what a user sees, and not to single chunks. A temperature alone (Guo et
al. 2017) cannot serve both the first chunk and a vote of ten, which is less sure than it should be.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from genrestream.voting.vote import sharpened
from train.evaluation.scores import Scored, joined

AFTER_CHUNKS = (1, 2, 3, 5, 10)
BOUNDS = (-4.0, 4.0)  # of the temperature's logarithm
SHARPEST = 3.0


class Calibration(NamedTuple):
    """The two numbers, as a model's card holds them.

    Attributes:
        temperature: The logits are divided by it.
        sharpness: See ``genrestream.voting.vote.sharpened``.
    """

    temperature: float
    sharpness: float


def calibration(scored: Scored) -> Calibration:
    """Return the calibration for these tracks, which the model must not have been trained on.

    It minimises the mean negative log-likelihood of the tracks' genres under the mean vote after 1, 2, 3, 5 and 10
    chunks (or at a shorter track's end). The calibration in ``scored`` is not used.
    """
    best: Any = minimize_scalar(lambda log: _best_sharpness(scored, log)[1], bounds=BOUNDS, method="bounded")
    return Calibration(float(np.exp(best.x)), _best_sharpness(scored, best.x)[0])


def cross_fitted(folds: Sequence[Scored]) -> list[Scored]:
    """Return each fold's scores with a calibration fitted to the other folds' tracks."""
    others = [[other for other in folds if other is not fold] for fold in folds]
    return [fold.calibrated(*calibration(joined(rest))) for fold, rest in zip(folds, others, strict=True)]


def _best_sharpness(scored: Scored, log_temperature: float) -> tuple[float, float]:
    """Return the best sharpness at a temperature, and its loss."""
    moments = _moments(scored, float(np.exp(log_temperature)))
    best: Any = minimize_scalar(lambda value: _loss(moments, value), bounds=(0.0, SHARPEST), method="bounded")
    return float(best.x), float(best.fun)


Moment = tuple[np.ndarray, np.ndarray, np.ndarray]


def _moments(scored: Scored, temperature: float) -> list[Moment]:
    """Return, for each moment, the mean, the number of votes and the genre of each track that has a vote."""
    plain = scored.calibrated(temperature)
    votes, n_votes = plain.running("mean"), plain.n_votes()
    moments = []
    for n_chunks in AFTER_CHUNKS:
        at = plain.chunk_numbered(n_chunks)
        voted = n_votes[at] > 0  # a silent track has no vote
        moments.append((votes[at][voted], n_votes[at][voted], scored.labels[voted]))
    return moments


def _loss(moments: Sequence[Moment], sharpness: float) -> float:
    losses = []
    for probs, n_votes, labels in moments:
        sharp = sharpened(probs, n_votes, sharpness)
        losses.append(-np.log(np.maximum(sharp[np.arange(len(labels)), labels], 1e-12)).mean())
    return float(np.mean(losses))
