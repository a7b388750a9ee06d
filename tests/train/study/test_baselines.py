"""The comparison of classifiers, from a table to the report, on made-up features that can be told apart."""

import json

import numpy as np
import pytest

import genrestream
from genrestream.errors import UsageError
from genrestream.features.tabular.columns import COLUMNS
from tests.conftest import METAL
from tests.train.study.test_protocols import made_table
from train.study.classical.__main__ import BaselinesConfig, main
from train.study.classical.families import FAMILIES, Whitening, pipeline
from train.study.classical.importance import feature_of, importance
from train.study.classical.protocols import ProtocolConfig, divisions
from train.study.classical.search import evaluate, fit, track_votes
from train.tabular.columns import Columns
from train.tabular.table import save_table

QUICK = ("majority class", "logistic regression", "decision tree")


def test_a_family_that_can_tell_them_apart_does():
    table = made_table()
    divided = divisions(table, ProtocolConfig("k-fold", n_folds=3))
    outcome = evaluate(table, divided, "logistic regression", n_jobs=1)
    assert outcome.accuracies.mean() > 0.95
    assert sorted(outcome.rows) == list(range(len(table.labels)))
    assert len(outcome.chosen) == 3
    np.testing.assert_allclose(outcome.probs.sum(axis=1), 1, rtol=1e-6)
    assert evaluate(table, divided, "majority class", n_jobs=1).accuracies.mean() == pytest.approx(0.5)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_family_fits(name):
    table = made_table()
    model = fit(table, np.arange(len(table.labels)), name, {})
    assert model.predict_proba(table.values).shape == (len(table.labels), 2)


def test_a_constant_column_does_no_harm():
    table = made_table()
    table.values[:, 2] = 7
    model = pipeline(FAMILIES["SVM, whitened"], table.columns).fit(table.values, table.labels)
    assert np.isfinite(model.predict_proba(table.values)).all()


def test_pca_keeps_the_share_asked_for():
    table = made_table()
    model = pipeline(FAMILIES["logistic regression"], table.columns, 0.97).fit(table.values, table.labels)
    pca = model.named_steps["pca"]
    assert pca.explained_variance_ratio_.sum() >= 0.97
    assert pca.explained_variance_ratio_[:-1].sum() < 0.97


def test_columns_take_logarithms_of_what_is_positive():
    values = np.array([[1.0, -1.0, 5.0], [10.0, 1.0, 6.0], [100.0, 2.0, 7.0]])
    columns = Columns(left_out=(2,)).fit(values)
    np.testing.assert_allclose(columns.transform(values)[:, 0], np.log([1, 10, 100]))
    np.testing.assert_allclose(columns.transform(values)[:, 1], [-1, 1, 2])
    assert (columns.transform(values)[:, 2] == 0).all()
    assert np.isfinite(columns.transform(np.zeros((1, 3)))).all()  # silence


def test_whitening_makes_the_inner_scatter_even():
    table = made_table(60)
    turned = Whitening(0.0).fit(table.values, table.labels).transform(table.values)
    rest = turned - np.stack([turned[table.labels == label].mean(axis=0) for label in (0, 1)])[table.labels]
    np.testing.assert_allclose(rest.T @ rest / len(rest), np.eye(5), atol=1e-9)


def test_votes_are_means_over_the_rows_of_a_track():
    table = made_table(n_tracks=2, n_chunks=2)
    probs = np.array([[1, 0], [0.5, 0.5], [0, 1], [0, 1], [1, 0], [0, 1], [0.2, 0.8], [0.4, 0.6]])
    votes, labels = track_votes(table, np.arange(8), probs)
    np.testing.assert_allclose(votes[:, 0], [0.75, 0, 0.5, 0.3])
    assert labels.tolist() == [0, 0, 1, 1]


def test_importance_finds_the_feature_that_counts():
    table = made_table(30)
    table.values[:, 1:] = np.random.default_rng(1).normal(size=table.values[:, 1:].shape)
    division = divisions(table, ProtocolConfig("k-fold", n_folds=3))[0]
    losses = importance(table, division, "logistic regression", {"C": 0.1}, n_jobs=1)
    assert next(iter(losses)) == "a"
    assert losses["a"][0] > 0.2


@pytest.mark.parametrize(
    ("column", "feature"),
    [
        ("mfcc3_var", "mfcc3"),
        ("mel12_kurtosis", "mel"),
        ("tempo", "tempo"),
        ("spectral_rolloff_var", "spectral_rolloff"),
    ],
)
def test_feature_of(column, feature):
    assert feature_of(column) == feature


def test_the_command_writes_report_pictures_and_a_model_that_streams(tmp_path, capsys):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(2), 24)
    values = rng.normal(size=(48, len(COLUMNS))) + labels[:, None]
    values[:, 0] = 1.0
    names = [f"{genre}.{n:05d}.wav" for genre in ("jazz", "metal") for n in range(24)]
    save_table(tmp_path / "table.csv", COLUMNS, values, names, [name.split(".")[0] for name in names])
    main(BaselinesConfig(tmp_path / "table.csv", families=QUICK, output=tmp_path / "out", n_jobs=1))
    assert "column chroma_stft_mean has one value only" in capsys.readouterr().err
    assert "| logistic regression |" in (tmp_path / "out" / "report.md").read_text()
    families = json.loads((tmp_path / "out" / "report.json").read_text())["families"]
    assert [row["family"] for row in families] == list(QUICK)
    for picture in ("accuracies", "confusions", "clusters", "importance"):
        assert (tmp_path / "out" / f"{picture}.png").stat().st_size > 5000
    assert set(genrestream.load(tmp_path / "out" / "model").classify(METAL).final.probs) == {"jazz", "metal"}


def test_an_unknown_family_is_named(tmp_path):
    with pytest.raises(UsageError, match="--families perceptron: none of majority class, random forest"):
        BaselinesConfig(tmp_path, families=("perceptron",))
