"""The classical classifiers: each family as a scikit-learn pipeline on a table's columns, with its grid.

All get the same columns: the logarithm of positive columns, then the standard score. Some families also whiten by the
scatter inside the genres, which reduces the differences between recordings of one genre (Fukunaga 1990, chapter 10; the
first step of a discriminant analysis).
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from genrestream.errors import UsageError
from train.tabular.columns import OFFSETS, Columns

SEED = 0
SVM_SHARPNESS = 2.0  # the softmax of the machine's decisions, so that it has probabilities to vote with


class Whitening(TransformerMixin, BaseEstimator):
    """Rotates and scales the columns so that the scatter inside the classes is equal in all directions.

    Args:
        shrinkage: Share of an equal scatter to mix in, 0 to 1.

    Attributes:
        matrix_: Shape (n_columns, n_columns); rows are multiplied by it from the right.
    """

    def __init__(self, shrinkage: float = 0.1):
        self.shrinkage = shrinkage

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Whitening":
        """Measure the scatter."""
        means = np.stack([X[y == label].mean(axis=0) for label in np.unique(y)])
        rest = X - means[np.searchsorted(np.unique(y), y)]
        scatter = rest.T @ rest / len(X)
        even = np.trace(scatter) / len(scatter) * np.eye(len(scatter))
        variances, directions = np.linalg.eigh((1 - self.shrinkage) * scatter + self.shrinkage * even)
        self.matrix_ = directions / np.sqrt(np.maximum(variances, 1e-12))
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the whitened columns."""
        return X @ self.matrix_


class SVM(ClassifierMixin, BaseEstimator):
    """A support vector machine, RBF kernel; its probabilities are the softmax of its decisions against the rest.

    Args:
        C: Cost of an error.
        gamma: Width parameter of the kernel.

    Attributes:
        machine_: scikit-learn's machine.
        classes_: The labels.
    """

    def __init__(self, C: float = 1.0, gamma: float = 0.01):
        self.C, self.gamma = C, gamma

    def fit(self, X: np.ndarray, y: np.ndarray) -> "SVM":
        """Fit the machine."""
        gamma: Any = self.gamma
        self.machine_ = SVC(C=self.C, gamma=gamma, break_ties=True).fit(X, y)
        self.classes_ = self.machine_.classes_
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities, shape (n_rows, n_classes)."""
        decisions = self.machine_.decision_function(X)
        if decisions.ndim == 1:  # two classes have one decision, for the second
            sureness = decisions / (3 * (np.abs(decisions) + 1))
            decisions = np.stack([(decisions < 0) - sureness, (decisions >= 0) + sureness], axis=1)
        exponents = np.exp(SVM_SHARPNESS * (decisions - decisions.max(axis=1, keepdims=True)))
        return exponents / exponents.sum(axis=1, keepdims=True)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return labels, shape (n_rows,)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


@dataclasses.dataclass(frozen=True)
class Family:
    """A kind of classifier.

    Attributes:
        make: Returns an unfitted one.
        grid: Candidates by parameter of ``make``'s result; empty where there is nothing to choose.
        is_whitened: Whether its columns are whitened.
    """

    make: Callable[[], Any]
    grid: dict[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)
    is_whitened: bool = False


def _lda() -> LinearDiscriminantAnalysis:
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1)


def _extra_trees() -> ExtraTreesClassifier:
    return ExtraTreesClassifier(400, min_samples_leaf=2, random_state=SEED)


def _mlp() -> MLPClassifier:
    return MLPClassifier((256,), alpha=1.0, max_iter=80, tol=0, n_iter_no_change=1000, random_state=SEED)


def _whitened(model: Any) -> Pipeline:
    return Pipeline([("whiten", Whitening()), ("model", model)])


def _vote_of_three() -> VotingClassifier:
    members = [("svm", SVM(C=2, gamma=0.01)), ("lda", _lda()), ("extra_trees", _extra_trees())]
    return VotingClassifier(members, voting="soft")


def _vote_of_four() -> VotingClassifier:
    share: Any = 0.4
    members = [
        ("svm", _whitened(SVM(C=10, gamma=0.02))),
        ("mlp", _mlp()),
        ("extra_trees", ExtraTreesClassifier(400, max_features=share, random_state=SEED)),
        ("knn", _whitened(KNeighborsClassifier(5, weights="distance"))),
    ]
    return VotingClassifier(members, voting="soft")


FAMILIES: dict[str, Family] = {
    "majority class": Family(lambda: DummyClassifier(strategy="most_frequent")),
    "random forest": Family(
        lambda: RandomForestClassifier(400, random_state=SEED), {"max_features": (8, 20)}
    ),
    "extra trees": Family(_extra_trees, {"min_samples_leaf": (1, 2, 4)}, is_whitened=True),
    "SVM": Family(
        SVM, {"C": (1, 3, 10), "gamma": (0.002, 0.005, 0.01, 0.02)}
    ),
    "SVM, whitened": Family(SVM, {"C": (1, 2, 5), "gamma": (0.005, 0.01, 0.02)}, is_whitened=True),
    "kNN": Family(
        lambda: KNeighborsClassifier(weights="distance"), {"n_neighbors": (1, 3, 5, 9, 15, 25)}
    ),
    "kNN, whitened": Family(
        lambda: KNeighborsClassifier(weights="distance"), {"n_neighbors": (3, 5, 9, 15, 25)}, is_whitened=True
    ),
    "logistic regression": Family(lambda: LogisticRegression(max_iter=3000), {"C": (0.01, 0.03, 0.1, 0.3)}),
    "discriminant analysis": Family(_lda, {"shrinkage": (0.03, 0.1, 0.2, 0.3, 0.5)}),
    "decision tree": Family(
        lambda: DecisionTreeClassifier(random_state=SEED), {"min_samples_leaf": (1, 3, 10), "max_depth": (6, 12, None)}
    ),
    "AdaBoost": Family(
        lambda: AdaBoostClassifier(DecisionTreeClassifier(max_depth=3), random_state=SEED),
        {"n_estimators": (100,), "learning_rate": (0.3, 1.0)},
    ),
    "naive Bayes": Family(GaussianNB, {"var_smoothing": (1e-9, 1e-2, 1e-1)}),
    "bagging": Family(lambda: BaggingClassifier(n_estimators=100, random_state=SEED), {"max_features": (0.3, 1.0)}),
    "gradient boosting": Family(
        lambda: HistGradientBoostingClassifier(max_iter=150, random_state=SEED), {"learning_rate": (0.05, 0.1)}
    ),
    "MLP": Family(_mlp, {"alpha": (0.1, 1.0, 3.0)}),
    "MLP, whitened": Family(_mlp, is_whitened=True),
    "vote of SVM, discriminant, trees": Family(
        _vote_of_three, {"svm__C": (1, 2), "svm__gamma": (0.005, 0.01)}, is_whitened=True
    ),
    "vote of SVM, MLP, trees, kNN": Family(_vote_of_four),
}  # fmt: skip


def check_families(names: Sequence[str]) -> None:
    """Make sure that each name is a family's.

    Raises:
        UsageError: One is not.
    """
    for name in names:
        if name not in FAMILIES:
            raise UsageError(f"--families {name}: none of {', '.join(FAMILIES)}")


def pipeline(family: Family, columns: tuple[str, ...], pca_variance: float = 0.0) -> Pipeline:
    """Return a family's unfitted pipeline, its last step named ``model``.

    Args:
        family: Which one.
        columns: The table's columns.
        pca_variance: Where above 0, the columns become the principal components that explain this share.
    """
    left_out = tuple(at for at, name in enumerate(columns) if name in OFFSETS)
    steps: list[tuple[str, Any]] = [("columns", Columns(left_out))]
    if pca_variance:  # the spectrogram's columns are all in dB, so they are not scaled
        steps = [("pca", PCA(pca_variance, svd_solver="covariance_eigh"))]
    steps += [("scale", StandardScaler())]
    if family.is_whitened:
        steps.append(("whiten", Whitening()))
    return Pipeline([*steps, ("model", family.make())])
