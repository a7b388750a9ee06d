"""Votes without a network: means of the chunks' answers, and a layer on the mean of their features."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from genrestream.voting.probabilities import probabilities
from genrestream.voting.vote import sharpened
from train.study.song.heads import Folds, Heads
from train.study.song.songs import AFTER, MOST, Songs

Rule = Callable[[Heads, Folds], np.ndarray]  # fitted without folds: log probabilities of all songs after each chunk
COUNTS = np.arange(1, MOST + 1)


def so_far(values: np.ndarray) -> np.ndarray:
    """Return the mean of the chunks up to each one; shape (n_tracks, MOST, n)."""
    return np.cumsum(values, axis=1) / COUNTS[:, None]


def losses(songs: Songs, log_vote: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the negative log probability of each track's genre after each of ``AFTER``; (n_places, len(AFTER))."""
    at = np.minimum(np.array(AFTER), songs.lengths[places, None]) - 1
    return -log_vote[places[:, None], at, songs.labels[places, None]]


def calibrated(songs: Songs, vote: Callable[[float, float], np.ndarray], without: Folds) -> tuple[float, float]:
    """Return the temperature and the sharpness of the least loss on the tracks that are not in these folds."""
    own = songs.without(without)

    def loss(values: np.ndarray) -> float:
        of_tracks = losses(songs, vote(float(np.exp(values[0])), abs(float(values[1]))), own).mean(axis=1)
        return float(np.average(of_tracks, weights=songs.weights[own]))

    found = minimize(loss, np.array([0.0, 0.3]), method="Nelder-Mead", options={"maxiter": 40}).x
    return float(np.exp(found[0])), abs(float(found[1]))


class MeanVote(NamedTuple):
    """The vote that genrestream has.

    Attributes:
        probs: Calibrated probabilities of each chunk, shape (n_tracks, MOST, n_genres).
        vote: Their mean so far, sharpened; of the same shape.
        sharpness: See ``genrestream.voting.vote.sharpened``.
    """

    probs: np.ndarray
    vote: np.ndarray
    sharpness: float


def mean(heads: Heads, without: Folds) -> np.ndarray:
    """Fit the vote that genrestream has: the mean of the probabilities, sharpened."""
    return np.log(np.maximum(1e-9, calibrated_mean(heads, without).vote))


@functools.cache  # the networks correct the same votes
def calibrated_mean(heads: Heads, without: Folds) -> MeanVote:
    """Fit the temperature and the sharpness of the mean vote."""
    logits = heads.unseen(without)

    def vote(temperature: float, sharpness: float) -> np.ndarray:
        probs = probabilities(logits, temperature, multi_label=False)
        return sharpened(so_far(probs), COUNTS.astype(float), sharpness)

    temperature, sharpness = calibrated(heads.songs, lambda *values: np.log(vote(*values) + 1e-9), without)
    probs = probabilities(logits, temperature, multi_label=False)
    return MeanVote(probs, vote(temperature, sharpness), sharpness)


def of_logits(logits: np.ndarray, songs: Songs, without: Folds) -> np.ndarray:
    """Fit temperature and sharpness to the mean of logits."""

    def vote(temperature: float, sharpness: float) -> np.ndarray:
        power = (1 + sharpness * (1 - 1 / COUNTS))[:, None] / temperature
        return np.log(probabilities(so_far(logits) * power, 1.0, multi_label=False) + 1e-9)

    return vote(*calibrated(songs, vote, without))


def mean_of_logits(heads: Heads, without: Folds) -> np.ndarray:
    """Fit the mean of the logits: a product of the chunks' answers."""
    return of_logits(heads.unseen(without), heads.songs, without)


def layer_on_mean(heads: Heads, without: Folds) -> np.ndarray:
    """Fit a linear layer on the mean of the features so far; its calibration is the penalty's and the cuts'."""
    return np.log(probabilities(so_far(heads.pooled(without)), 1.0, multi_label=False) + 1e-9)


def layer_and_mean(heads: Heads, without: Folds) -> np.ndarray:
    """Fit both, and take the mean of their log probabilities."""
    return averaged(mean(heads, without), layer_on_mean(heads, without))


def averaged(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the mean of two votes' log probabilities, as log probabilities."""
    both = 0.5 * (one + other)
    return both - np.log(np.exp(both).sum(axis=-1, keepdims=True))
