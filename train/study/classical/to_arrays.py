"""Convert a fitted scikit-learn pipeline to arrays, for a model that streams (``models/classical.py``)."""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier

from genrestream.features.config import TabularConfig
from genrestream.inference import checkpoint
from genrestream.models.classical import MAX_DEPTH
from train.command.provenance import provenance
from train.study.classical.families import SVM, SVM_SHARPNESS
from train.tabular.columns import Columns
from train.tabular.table import Table

Arrays = dict[str, np.ndarray]
EXPORTED = {
    "extra trees", "random forest", "decision tree", "SVM", "SVM, whitened", "logistic regression",
    "discriminant analysis", "vote of SVM, discriminant, trees",
}  # fmt: skip


def can_export(family: str) -> bool:
    """Whether a family has a form as arrays."""
    return family in EXPORTED


def arrays_of(pipeline: Pipeline) -> tuple[list[dict[str, Any]], Arrays]:
    """Return the members' configs and all weights by the names that ``models.classical.Classical`` has for them.

    Raises:
        TypeError: The pipeline's model cannot be written in this form.
    """
    model = pipeline.named_steps["model"]
    if isinstance(model, VotingClassifier):
        members = [_member(fitted) for fitted in model.estimators_]
    else:
        members = [_member(model)]
    weights = _inputs(pipeline)
    for number, (_, arrays) in enumerate(members):
        weights |= {f"members.{number}.{name}": array for name, array in arrays.items()}
    return [config for config, _ in members], weights


def _inputs(pipeline: Pipeline) -> Arrays:
    columns: Columns = pipeline.named_steps["columns"]
    scaler = pipeline.named_steps["scale"]
    scale = 1 / scaler.scale_
    scale[list(columns.left_out)] = 0
    whitening = pipeline.named_steps.get("whiten")
    turn = whitening.matrix_ if whitening is not None else np.eye(len(scale))
    return {
        "input_norm.is_log": _float(columns.is_log_),
        "input_norm.floor": _float(columns.floor_),
        "input_norm.mean": _float(scaler.mean_),
        "input_norm.scale": _float(scale),
        "turn": _float(turn),
    }


def _member(model: Any) -> tuple[dict[str, Any], Arrays]:
    if isinstance(model, LogisticRegression | LinearDiscriminantAnalysis):
        kernel, bias = model.coef_.T, model.intercept_
        if len(model.classes_) == 2:  # two classes have one logit, for the second
            kernel, bias = (np.concatenate([np.zeros_like(array), array], axis=-1) for array in (kernel, bias))
        return {"kind": "linear"}, {"kernel": _float(kernel), "bias": _float(bias)}
    if isinstance(model, SVM):
        return _kernel(model)
    if isinstance(model, RandomForestClassifier | ExtraTreesClassifier):
        return _trees([tree.tree_ for tree in model.estimators_])
    if isinstance(model, DecisionTreeClassifier):
        return _trees([model.tree_])
    raise TypeError(f"{type(model).__name__} has no form as arrays")


def _kernel(model: SVM) -> tuple[dict[str, Any], Arrays]:
    """Convert libsvm's coefficients, which are stored by class, to one set for each pair of classes."""
    machine = model.machine_
    n_classes = len(machine.classes_)
    ends = np.cumsum(machine.n_support_)
    spans = [slice(end - n, end) for end, n in zip(ends, machine.n_support_, strict=True)]
    pairs = [(first, second) for first in range(n_classes) for second in range(first + 1, n_classes)]
    kernel = np.zeros((len(machine.support_vectors_), len(pairs)))
    for pair, (first, second) in enumerate(pairs):
        kernel[spans[first], pair] = machine.dual_coef_[second - 1, spans[first]]
        kernel[spans[second], pair] = machine.dual_coef_[first, spans[second]]
    sign = -1 if n_classes == 2 else 1  # for two classes scikit-learn reverses the sign of the decision
    arrays = {
        "support": _float(machine.support_vectors_),
        "kernel": _float(sign * kernel),
        "bias": _float(sign * machine.intercept_),
        "gamma": np.float32(machine._gamma),
        "sharpness": np.float32(SVM_SHARPNESS),
    }
    return {"kind": "kernel", "n_support": len(kernel)}, {name: np.asarray(array) for name, array in arrays.items()}


def _trees(trees: list[Any]) -> tuple[dict[str, Any], Arrays]:
    n_nodes, depth = max(tree.node_count for tree in trees), max(1, *(tree.max_depth for tree in trees), 1)
    if depth > MAX_DEPTH:
        raise TypeError(f"a tree is {depth} deep, at most {MAX_DEPTH} is allowed")
    shape = (len(trees), n_nodes)
    arrays: Arrays = {name: np.zeros(shape, np.int32) for name in ("column", "low", "high")}
    arrays |= {"threshold": np.zeros(shape, np.float32)}
    arrays |= {"shares": np.zeros((*shape, trees[0].value.shape[-1]), np.float32)}
    for number, tree in enumerate(trees):
        nodes = np.arange(tree.node_count)
        is_leaf = tree.children_left < 0
        arrays["column"][number, nodes] = np.where(is_leaf, 0, tree.feature)
        arrays["low"][number, nodes] = np.where(is_leaf, nodes, tree.children_left)  # a leaf's children are the leaf
        arrays["high"][number, nodes] = np.where(is_leaf, nodes, tree.children_right)
        arrays["threshold"][number, nodes] = tree.threshold
        arrays["shares"][number, nodes] = tree.value[:, 0] / tree.value[:, 0].sum(axis=1, keepdims=True)
    return {"kind": "trees", "n_trees": len(trees), "n_nodes": n_nodes, "depth": depth}, arrays


def _float(array: Any) -> np.ndarray:
    return np.asarray(array, np.float32)


def export(folder: Path, pipeline: Pipeline, table: Table, metrics: dict[str, Any], trained_on: str) -> None:
    """Write a fitted pipeline as a model's folder.

    Args:
        folder: The model's new folder.
        pipeline: A pipeline, fitted to a table of the 57 columns.
        table: The table that it was fitted to.
        metrics: Figures, for the card.
        trained_on: A description of the data, for the card.

    Raises:
        TypeError: The pipeline's model has no form as arrays.
    """
    members, weights = arrays_of(pipeline)
    card = checkpoint.Card(
        name=folder.name,
        model="classical",
        model_config={"members": members},
        frontend=TabularConfig(),
        labels=table.genres,
        multi_label=False,
        temperature=1.0,
        min_probability=0.5,
        metrics=metrics,
        provenance={**provenance(), "data": trained_on, "n_training_tracks": len(np.unique(table.tracks))},
    )
    checkpoint.write(folder, card, weights)
