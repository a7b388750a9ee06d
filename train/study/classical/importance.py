"""Permutation importance: the accuracy lost when a feature's columns are shuffled among the test rows."""

import numpy as np
from joblib import Parallel, delayed

from train.study.classical.protocols import Division
from train.study.classical.search import fit, track_accuracy
from train.tabular.table import Table

N_SHUFFLES = 10


def importance(
    table: Table, division: Division, family: str, parameters: dict, n_jobs: int = -1
) -> dict[str, tuple[float, float]]:
    """Return each feature's loss of accuracy, mean and standard deviation over shuffles, the largest first.

    The columns of one feature (its mean, its variance …) are shuffled together: if only one were shuffled, the
    others would replace it.

    Args:
        table: The rows.
        division: What to fit to, and what to shuffle.
        family: A name in ``FAMILIES``.
        parameters: Parameters of the family.
        n_jobs: Processes at once.
    """
    model = fit(table, division.train, family, parameters)
    groups: dict[str, list[int]] = {}
    for at, column in enumerate(table.columns):
        groups.setdefault(feature_of(column), []).append(at)
    values = table.values[division.test]
    whole = track_accuracy(table, division.test, model.predict_proba(values))

    def loss(columns: list[int], seed: int) -> float:
        shuffled = values.copy()
        order = np.random.default_rng(seed).permutation(len(values))
        shuffled[:, columns] = values[order][:, columns]
        return whole - track_accuracy(table, division.test, model.predict_proba(shuffled))

    jobs = [delayed(loss)(columns, seed) for columns in groups.values() for seed in range(N_SHUFFLES)]
    losses = np.array(list(Parallel(n_jobs, prefer="threads")(jobs))).reshape(len(groups), N_SHUFFLES)
    found = {name: (float(row.mean()), float(row.std())) for name, row in zip(groups, losses, strict=True)}
    return dict(sorted(found.items(), key=lambda item: -item[1][0]))


def feature_of(column: str) -> str:
    """Return the feature of a column: ``mfcc3`` for ``mfcc3_var``, ``mel`` for ``mel12_kurtosis``."""
    name, _, statistic = column.rpartition("_")
    if not name:
        return statistic
    return name if name.startswith("mfcc") else name.rstrip("0123456789")
