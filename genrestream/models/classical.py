"""The classical classifiers as arrays: linear, kernel and tree models on tabular features, alone or voting.

Models fitted by scikit-learn are stored as arrays (``train/study/classical/to_arrays.py``). So a model on disk has no
code and no pickle, needs no scikit-learn, and runs as the same kind of compiled program as the networks. Its answers
equal scikit-learn's up to float32 rounding.
"""

import dataclasses
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from genrestream.models.config import MAX_UNITS
from genrestream.models.layers.norm import ColumnNorm

MAX_DEPTH, MAX_MEMBERS = 64, 16


@dataclasses.dataclass(frozen=True)
class MemberConfig:
    """One classifier of the vote.

    Attributes:
        kind: ``linear``: logits from columns. ``kernel``: a support vector machine, RBF kernel. ``trees``: a forest.
        n_support: Support vectors of a kernel machine.
        n_trees: Trees of a forest.
        n_nodes: Nodes of its largest tree.
        depth: Steps from its root to the furthest leaf.
    """

    kind: Literal["linear", "kernel", "trees"]
    n_support: int = 0
    n_trees: int = 0
    n_nodes: int = 0
    depth: int = 0

    def __post_init__(self) -> None:
        needed = {"linear": (), "kernel": ("n_support",), "trees": ("n_trees", "n_nodes", "depth")}
        if self.kind not in needed:
            raise ValueError(f"kind={self.kind!r} must be one of {', '.join(needed)}")
        for name in needed[self.kind]:
            if type(getattr(self, name)) is not int or not 0 < getattr(self, name) <= MAX_UNITS:
                raise ValueError(f"{name}={getattr(self, name)!r:.60} must be a whole number from 1 to {MAX_UNITS:,}")
        if self.depth > MAX_DEPTH:
            raise ValueError(f"depth={self.depth} must be at most {MAX_DEPTH}")


@dataclasses.dataclass(frozen=True)
class ClassicalConfig:
    """Classifiers whose probabilities are averaged; one or more.

    Attributes:
        members: The classifiers, at most 16, each as a ``MemberConfig`` or as a dict of its fields, as in JSON.
    """

    members: tuple[MemberConfig | dict[str, Any], ...] = (MemberConfig("linear"),)

    def __post_init__(self) -> None:
        if not 0 < len(self.members) <= MAX_MEMBERS:
            raise ValueError(f"members must be from 1 to {MAX_MEMBERS}")
        _ = self.parsed  # checks each of them

    @property
    def parsed(self) -> tuple[MemberConfig, ...]:
        """The members' configs."""
        return tuple(MemberConfig(**one) if isinstance(one, dict) else one for one in self.members)


def _zeros(*shape: int, dtype: Any = jnp.float32) -> nnx.Variable:
    return nnx.BatchStat(jnp.zeros(shape, dtype))


class LinearMember(nnx.Module):
    """Logits as weighted sums of the columns: logistic regression, linear discriminant analysis."""

    def __init__(self, config: MemberConfig, n_columns: int, n_classes: int):
        del config
        self.kernel, self.bias = _zeros(n_columns, n_classes), _zeros(n_classes)

    def __call__(self, x: Float[Array, "batch n_columns"]) -> Float[Array, "batch n_classes"]:
        """Return the logits."""
        return jnp.matmul(x, self.kernel.get_value(), precision=jax.lax.Precision.HIGHEST) + self.bias.get_value()


class KernelMember(nnx.Module):
    """A support vector machine: a decision for each pair of classes, then votes, as in ``sklearn.svm.SVC``."""

    def __init__(self, config: MemberConfig, n_columns: int, n_classes: int):
        n_pairs = n_classes * (n_classes - 1) // 2
        self.n_classes = n_classes
        self.support = _zeros(config.n_support, n_columns)
        self.kernel = _zeros(config.n_support, n_pairs)
        self.bias, self.gamma, self.sharpness = _zeros(n_pairs), _zeros(), _zeros()

    def __call__(self, x: Float[Array, "batch n_columns"]) -> Float[Array, "batch n_classes"]:
        """Return the votes plus a confidence of less than half a vote, times ``sharpness``."""
        distance = jnp.square(x[:, None] - self.support.get_value()).sum(axis=-1)
        likeness = jnp.exp(-self.gamma.get_value() * distance)
        pairs = jnp.matmul(likeness, self.kernel.get_value(), precision=jax.lax.Precision.HIGHEST)
        pairs += self.bias.get_value()
        first, second = jnp.triu_indices(self.n_classes, 1)
        is_first, is_second = jax.nn.one_hot(first, self.n_classes), jax.nn.one_hot(second, self.n_classes)
        votes = (pairs > 0) @ is_first + (pairs <= 0) @ is_second
        confidence = jnp.matmul(pairs, is_first - is_second, precision=jax.lax.Precision.HIGHEST)
        return self.sharpness.get_value() * (votes + confidence / (3 * (jnp.abs(confidence) + 1)))


class TreesMember(nnx.Module):
    """A forest: each tree is followed from its root to a leaf, and the leaves' shares of the classes are averaged."""

    def __init__(self, config: MemberConfig, n_columns: int, n_classes: int):
        del n_columns
        self.depth, nodes = config.depth, (config.n_trees, config.n_nodes)
        self.column, self.low = _zeros(*nodes, dtype=jnp.int32), _zeros(*nodes, dtype=jnp.int32)
        self.high, self.threshold = _zeros(*nodes, dtype=jnp.int32), _zeros(*nodes)
        self.shares = _zeros(*nodes, n_classes)

    def __call__(self, x: Float[Array, "batch n_columns"]) -> Float[Array, "batch n_classes"]:
        """Return the logarithm of the mean share."""
        trees = jnp.arange(len(self.column.get_value()))

        def walk(columns: Array) -> Array:
            def step(_: Array, node: Array) -> Array:
                goes_low = columns[self.column.get_value()[trees, node]] <= self.threshold.get_value()[trees, node]
                return jnp.where(goes_low, self.low.get_value()[trees, node], self.high.get_value()[trees, node])

            leaf = jax.lax.fori_loop(0, self.depth, step, jnp.zeros(len(trees), jnp.int32))
            return self.shares.get_value()[trees, leaf].mean(axis=0)

        return jnp.log(jnp.maximum(jax.vmap(walk)(x), 1e-6))


MEMBERS = {"linear": LinearMember, "kernel": KernelMember, "trees": TreesMember}


class Classical(nnx.Module):
    """Tabular features of a chunk to one logit per label.

    Args:
        config: Its members.
        shape: (n_columns,) of its input.
        n_classes: Labels, one logit each.
        rngs: Not used: there is nothing random.
    """

    def __init__(self, config: ClassicalConfig, shape: tuple[int, ...], n_classes: int, *, rngs: nnx.Rngs):
        del rngs
        (n_columns,) = shape
        self.input_norm = ColumnNorm(n_columns)
        self.turn = _zeros(n_columns, n_columns)
        self.members = nnx.List([MEMBERS[one.kind](one, n_columns, n_classes) for one in config.parsed])

    def __call__(self, columns: Float[Array, "batch n_columns"]) -> Float[Array, "batch n_classes"]:
        """Return the logarithm of the members' mean probability."""
        x = jnp.matmul(self.input_norm(columns), self.turn.get_value(), precision=jax.lax.Precision.HIGHEST)
        probs = [jax.nn.softmax(member(x)) for member in self.members]
        return jnp.log(jnp.maximum(sum(probs[1:], probs[0]) / len(probs), 1e-6))
