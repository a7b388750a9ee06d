"""What scikit-learn fitted answers the same as arrays."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import genrestream
from genrestream.features.tabular.columns import COLUMNS
from genrestream.models import Classical, ClassicalConfig
from tests.conftest import METAL
from train.study.classical.families import FAMILIES, pipeline
from train.study.classical.to_arrays import EXPORTED, arrays_of, export
from train.tabular.table import Table

GENRES = ("jazz", "metal", "pop", "rock")


@pytest.fixture(scope="module")
def table() -> Table:
    """Four clouds of rows with columns of all sizes, some of them positive and skewed."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 30)
    values = rng.normal(size=(120, len(COLUMNS))) + rng.normal(size=(4, len(COLUMNS)))[labels]
    values[:, 1::2] = np.exp(values[:, 1::2]) * np.geomspace(1e-4, 1e6, values[:, 1::2].shape[1])
    return Table(COLUMNS, values, labels, np.array([f"t{n}" for n in range(120)]), GENRES)


def fitted(name: str, table: Table):
    return pipeline(FAMILIES[name], table.columns).fit(table.values, table.labels)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("name", sorted(EXPORTED))
def test_arrays_answer_as_scikit_learn(name, n_classes, table):
    table = table.rows(table.labels < n_classes)
    model = fitted(name, table)
    members, weights = arrays_of(model)
    module = Classical(ClassicalConfig(tuple(members)), (len(COLUMNS),), n_classes, rngs=nnx.Rngs(0))
    for path, variable in nnx.to_flat_state(nnx.state(module)):
        array = weights[".".join(map(str, path))]
        assert array.shape == variable.get_value().shape
        variable.set_value(jnp.asarray(array))
    rng = np.random.default_rng(1)
    values = table.values[rng.permutation(len(table.values))[:50]] * rng.uniform(0.5, 1.5, size=(50, len(COLUMNS)))
    probs = np.exp(np.asarray(module(jnp.asarray(values, jnp.float32))))
    theirs = model.predict_proba(values)
    np.testing.assert_allclose(probs / probs.sum(axis=1, keepdims=True), theirs, atol=2e-3)
    assert (probs.argmax(axis=1) == theirs.argmax(axis=1)).all()


def test_the_written_model_streams(table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    export(Path("models/mine"), fitted("SVM, whitened", table), table, {}, "made up")
    verdict = genrestream.load("models/mine").classify(METAL)
    assert set(verdict.final.probs) == set(GENRES)
    assert verdict.n_chunks == 10
