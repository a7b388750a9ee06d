"""The linear layer: the same as scikit-learn's, in any number of passes and in the space that the rows span."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from genrestream.teaching import fit
from genrestream.teaching.fit import LinearFit, fit_linear, penalty_of


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def centred(logits: np.ndarray) -> np.ndarray:
    return logits - logits.mean(axis=1, keepdims=True)


def test_the_fit_is_penalised_softmax_regression(rng):
    labels = rng.integers(0, 3, 400)
    features = rng.normal(size=(400, 5)) * [1, 5, 1, 1, 0.2] + labels[:, None] * [0.5, 2, 0, 0, 0.1] + 3
    weights = rng.uniform(0.5, 1.5, 400)
    kernel, bias = fit_linear(features, labels, weights, np.full(5, 0.1), 3, 500)
    standard = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-3)
    # scikit-learn's loss is a sum over rows, with half the squared weights divided by C
    share = weights / weights.sum()
    theirs = LogisticRegression(C=10.0, tol=1e-10, max_iter=5000).fit(standard, labels, sample_weight=share)
    np.testing.assert_allclose(
        centred(features @ kernel + bias), centred(theirs.decision_function(standard)), atol=0.01
    )


def test_with_several_genres_at_once_each_is_a_logistic_regression(rng):
    features = rng.normal(size=(300, 4))
    has = np.stack([features[:, 0] + rng.normal(size=300) > 0, features[:, 1] + rng.normal(size=300) > 0.5], axis=1)
    kernel, bias = fit_linear(features, has, np.ones(300), np.full(4, 0.02), 2, 500)
    standard = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-3)
    for genre in range(2):
        theirs = LogisticRegression(C=1 / (0.02 * 300), tol=1e-10, max_iter=5000).fit(standard, has[:, genre])
        np.testing.assert_allclose((features @ kernel + bias)[:, genre], theirs.decision_function(standard), atol=0.01)


@pytest.mark.parametrize("settings", [{"MAX_SPANNED": 0}, {"MAX_SPANNED": 0, "MAX_KEPT": 0, "BLOCK_ROWS": 7}])
def test_all_ways_to_fit_give_one_layer(rng, settings, monkeypatch):
    features = rng.normal(size=(60, 200)).astype(np.float16)
    labels, weights = rng.integers(0, 3, 60), rng.uniform(0.5, 1.5, 60)
    penalties = rng.uniform(0.1, 1, 200)
    spanned = LinearFit(features, weights, penalties).fit(labels, 3, 50, strength=2.0)
    for name, value in settings.items():
        monkeypatch.setattr(fit, name, value)
    direct = LinearFit(features, weights, 2 * penalties).fit(labels, 3, 50)
    np.testing.assert_allclose(spanned[0], direct[0], atol=1e-3)
    np.testing.assert_allclose(spanned[1], direct[1], atol=5e-3)


def test_a_high_penalty_silences_a_block(rng):
    labels = rng.integers(0, 2, 300)
    features = np.stack([labels + rng.normal(size=300), labels + rng.normal(size=300)], axis=1)
    penalties = penalty_of([(slice(0, 1), 1e6), (slice(1, 2), 1e-3)], 2)
    kernel, _ = fit_linear(features, labels, np.ones(300), penalties, 2, 200)
    assert np.abs(kernel[0]).max() < 1e-3 < np.abs(kernel[1]).max()
