"""Choose a family's parameters on validation rows, fit it, and predict the test rows."""

import dataclasses
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from rich.progress import track as progress
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import Pipeline

from train.study.classical.families import FAMILIES, pipeline
from train.study.classical.protocols import Division
from train.tabular.table import Table


@dataclasses.dataclass(frozen=True, eq=False)
class Outcome:
    """The result of a family under a protocol.

    Attributes:
        family: Its name.
        chosen: The parameters chosen in each division.
        validation: Results of the chosen parameters on the validation rows, means over the divisions: the accuracy, and
            the mean log probability of the true genre, which decides between equal accuracies.
        accuracies: Accuracy on each division's test tracks.
        rows: The test rows of all divisions, one after the other.
        probs: Their probabilities, shape (len(rows), n_genres).
    """

    family: str
    chosen: tuple[dict[str, Any], ...]
    validation: tuple[float, float]
    accuracies: np.ndarray
    rows: np.ndarray
    probs: np.ndarray


def fit(table: Table, rows: np.ndarray, family: str, parameters: dict[str, Any], pca_variance: float = 0.0) -> Pipeline:
    """Return a family's pipeline, fitted to these rows."""
    model = pipeline(FAMILIES[family], table.columns, pca_variance)
    model.set_params(**{f"model__{name}": value for name, value in parameters.items()})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # solvers warn about convergence; candidates are compared by their scores
        return model.fit(table.values[rows], table.labels[rows])


def track_votes(table: Table, rows: np.ndarray, probs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each track's mean probabilities and its label, as the stream's mean vote does."""
    tracks, first, place = np.unique(table.tracks[rows], return_index=True, return_inverse=True)
    votes = np.zeros((len(tracks), probs.shape[1]))
    np.add.at(votes, place, probs)
    return votes / np.bincount(place)[:, None], table.labels[rows][first]


def track_accuracy(table: Table, rows: np.ndarray, probs: np.ndarray) -> float:
    """Return the share of tracks whose vote is right."""
    votes, labels = track_votes(table, rows, probs)
    return float((votes.argmax(axis=1) == labels).mean())


def _score(
    table: Table, pair: tuple[np.ndarray, np.ndarray], family: str, parameters: dict[str, Any], pca_variance: float
) -> tuple[float, float]:
    """Return the validation tracks' accuracy, and the mean logarithm of the true genre's probability."""
    model = fit(table, pair[0], family, parameters, pca_variance)
    votes, labels = track_votes(table, pair[1], model.predict_proba(table.values[pair[1]]))
    likelihood = np.log(np.maximum(votes[np.arange(len(labels)), labels], 1e-6)).mean()
    return float((votes.argmax(axis=1) == labels).mean()), float(likelihood)


def choose(
    table: Table, division: Division, family: str, pca_variance: float, is_compared: bool, pool: Parallel
) -> tuple[dict[str, Any], tuple[float, float]]:
    """Return the parameters that are best on the validation rows, and their accuracy and likelihood there."""
    candidates = list(ParameterGrid({name: list(values) for name, values in FAMILIES[family].grid.items()}))
    if len(candidates) == 1 and not is_compared:
        return candidates[0], (math.nan, math.nan)
    jobs = [
        delayed(_score)(table, pair, family, parameters, pca_variance)
        for parameters in candidates
        for pair in division.inner
    ]
    scores = np.array(list(pool(jobs))).reshape(len(candidates), -1, 2).mean(axis=1)
    best = max(range(len(candidates)), key=lambda number: tuple(scores[number]))
    return candidates[best], (scores[best, 0], scores[best, 1])


def evaluate(
    table: Table,
    divided: Sequence[Division],
    family: str,
    pca_variance: float = 0.0,
    n_jobs: int = -1,
    is_compared: bool = True,
) -> Outcome:
    """Choose, fit and score a family in each division.

    Args:
        table: The rows.
        divided: The divisions.
        family: A name in ``FAMILIES``.
        pca_variance: See ``pipeline``.
        n_jobs: Processes at once; -1 as many as cores.
        is_compared: Whether the validation rows are scored even where there are no parameters to choose.
    """
    chosen, validation, accuracies, probs = [], [], [], []
    with Parallel(n_jobs=n_jobs, max_nbytes=None) as pool:
        for division in progress(divided, f"{family:34s}", transient=True):
            parameters, score = choose(table, division, family, pca_variance, is_compared, pool)
            model = fit(table, division.train, family, parameters, pca_variance)
            probs.append(model.predict_proba(table.values[division.test]))
            accuracies.append(track_accuracy(table, division.test, probs[-1]))
            chosen.append(parameters)
            validation.append(score)
    rows = np.concatenate([division.test for division in divided])
    accuracy, likelihood = map(float, np.mean(validation, axis=0))
    return Outcome(family, tuple(chosen), (accuracy, likelihood), np.array(accuracies), rows, np.concatenate(probs))
