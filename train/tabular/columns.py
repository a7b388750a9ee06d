"""Preparing the columns of a table: logarithms, and columns that are left out."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

OFFSETS = ("harmony_mean", "perceptr_mean")  # the recording's offset from zero, not a property of the music
LOG_FLOOR = 1e-3  # share of a column's least value in training; smaller values, as silence gives, are raised to it


class Columns(TransformerMixin, BaseEstimator):
    """Takes the logarithm of positive columns and leaves some columns out.

    Args:
        left_out: Indices of columns that are set to zero.

    Attributes:
        is_log_: Which columns it takes the logarithm of: those always above zero.
        floor_: The least value of each such column.
    """

    def __init__(self, left_out: tuple[int, ...] = ()):
        self.left_out = left_out

    def fit(self, X: np.ndarray, y: np.ndarray | None = None) -> "Columns":
        """Find the columns."""
        self.is_log_ = X.min(axis=0) > 0
        self.floor_ = np.where(self.is_log_, LOG_FLOOR * X.min(axis=0), 1.0)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the columns."""
        columns = np.where(self.is_log_, np.log(np.maximum(X, self.floor_)), X)
        columns[:, list(self.left_out)] = 0
        return columns
