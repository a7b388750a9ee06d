"""Clusters found without labels, compared with the genres."""

import dataclasses
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from train.study.classical.families import SEED
from train.tabular.columns import Columns
from train.tabular.table import Table

N_COMPONENTS = 10  # principal components in which clusters are searched


@dataclasses.dataclass(frozen=True, eq=False)
class Clusters:
    """A clustering.

    Attributes:
        name: Name of the method.
        of_row: Each row's cluster.
        rand_index: Adjusted Rand index against the genres: 0 by chance, 1 if they are the genres.
        map: Each row's place on the first two principal components, shape (n_rows, 2).
    """

    name: str
    of_row: np.ndarray
    rand_index: float
    map: np.ndarray


def clusters(table: Table) -> list[Clusters]:
    """Return k-means and a Gaussian mixture, each with as many clusters as there are genres."""
    n_components = min(N_COMPONENTS, *table.values.shape)
    places = make_pipeline(Columns(), StandardScaler(), PCA(n_components)).fit_transform(table.values)
    n_genres = len(table.genres)
    n_starts: Any = 10
    methods = {
        "k-means": KMeans(n_genres, n_init=n_starts, random_state=SEED),
        "Gaussian mixture": GaussianMixture(n_genres, reg_covar=0.1, n_init=3, random_state=SEED),
    }
    found = {name: method.fit_predict(places) for name, method in methods.items()}
    return [
        Clusters(name, of_row, float(adjusted_rand_score(table.labels, of_row)), places[:, :2])
        for name, of_row in found.items()
    ]
