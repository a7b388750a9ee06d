"""A card's labels as a tree of two levels, such as rock over punk and metal, and a threshold for each label.

A label may have a parent, which has none itself. A parent is as probable as the most probable of itself and its
children. The maximum assumes nothing; a noisy-or would take children that are probable together for independent, and
make a parent of many children probable by their number.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from genrestream.errors import UsageError

ARROW = " › "


def check_tree(tree: Any, labels: Sequence[str]) -> None:
    """Make sure that labels may have these parents.

    Raises:
        UsageError: It is no table, a name in it is not a label, a label looks like a path, or a parent has a parent, as
            in any cycle.
    """
    if not isinstance(tree, dict):
        raise UsageError("tree must be a dict: each label that has a parent, and the parent")
    if tree and (paths := [label for label in labels if ARROW in label]):
        raise UsageError(
            f"tree: the label {paths[0]!r} must be without {ARROW!r}, which stands between parent and child"
        )
    known = set(labels)
    for label, parent in tree.items():
        if strange := [name for name in (label, parent) if not isinstance(name, str) or name not in known]:
            raise UsageError(f"tree: {strange[0]!r:.60} must be one of the labels")
        if parent in tree:
            raise UsageError(
                f"tree: {parent!r}, the parent of {label!r}, must have no parent itself: two levels at most"
            )


def check_thresholds(thresholds: Any, least: float, tree: Mapping[str, str], labels: Sequence[str]) -> None:
    """Make sure that labels may have these thresholds; one that is not there has the card's least probability.

    Raises:
        UsageError: It is no table, a name in it is not a label, a threshold is no number from 0 to 1, or one is lower
            than the parent's, so that a child could be named where its parent could not.
    """
    if not isinstance(thresholds, dict):
        raise UsageError("thresholds must be a dict: a label, and the least probability at which it is named")
    known = set(labels)
    for label, threshold in thresholds.items():
        if label not in known:
            raise UsageError(f"thresholds: {label!r:.60} must be one of the labels")
        if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
            raise UsageError(f"thresholds: {threshold!r:.60} of {label!r} must be a number from 0 to 1")
    for label, parent in tree.items():
        lower, upper = thresholds.get(label, least), thresholds.get(parent, least)
        if lower < upper:
            raise UsageError(
                f"thresholds: {lower:g} of {label!r} must be at least {upper:g}, that of its parent {parent!r}"
            )


def path(label: str, tree: Mapping[str, str]) -> str:
    """Return how a label is shown: with its parent before it, where it has one."""
    return f"{tree[label]}{ARROW}{label}" if label in tree else label


class Tree:
    """The tree of a model's labels, for arrays with one element a label.

    Args:
        tree: The parent of each label that has one.
        labels: All labels, in the order of the arrays.
    """

    def __init__(self, tree: Mapping[str, str], labels: Sequence[str]):
        places = {label: place for place, label in enumerate(labels)}
        self._children = np.array([places[label] for label in tree], int)
        self._parents = np.array([places[parent] for parent in tree.values()], int)

    def lifted(self, probs: np.ndarray) -> np.ndarray:
        """Return the probabilities, each parent's raised to the most probable of its children's."""
        lifted = probs.copy()
        np.maximum.at(lifted, self._parents, probs[self._children])
        return lifted

    def deepest(self, reached: np.ndarray) -> np.ndarray:
        """Return which of the labels that were reached are named: ``rock › punk`` does not name rock as well."""
        deepest = reached.copy()
        deepest[self._parents[reached[self._children]]] = False
        return deepest
