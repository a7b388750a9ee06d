import numpy as np
import pytest

from genrestream.errors import UsageError
from train.head import HeadConfig, fit


def of_three_classes(rng):
    labels = np.arange(300) % 3
    hidden = np.eye(3)[labels] + rng.normal(scale=0.5, size=(300, 3))
    features = np.concatenate([hidden, rng.normal(size=(300, 5))], axis=1) @ rng.normal(size=(8, 8))
    return features.astype(np.float32), labels, rng.uniform(0.5, 1.5, 300)


def test_a_whitened_head_does_not_see_how_its_features_are_mixed():
    rng = np.random.default_rng(0)
    features, labels, weights = of_three_classes(rng)
    mixed = (features @ rng.normal(size=(8, 8)) + 3).astype(np.float32)
    logits = {}
    for whiten in (0.0, 1.0):
        for heard in (features, mixed):
            kernel, bias = fit(heard, labels, weights, HeadConfig(whiten=whiten, strength=0.01))
            logits.setdefault(whiten, []).append(heard @ kernel + bias)
    assert (logits[1.0][0].argmax(axis=1) == labels).mean() > 0.85
    np.testing.assert_allclose(*logits[1.0], atol=2e-3)
    assert np.abs(np.subtract(*logits[0.0])).max() > 0.1


def test_a_feature_that_never_changes_does_no_harm():
    features, labels, weights = of_three_classes(np.random.default_rng(0))
    kernel, bias = fit(features, labels, weights, HeadConfig())
    silent = np.concatenate([features, np.full((len(features), 1), 7, np.float32)], axis=1)
    more_kernel, more_bias = fit(silent, labels, weights, HeadConfig())
    np.testing.assert_allclose(silent @ more_kernel + more_bias, features @ kernel + bias, atol=1e-3)


def test_two_classes_have_two_logits():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(100, 4)).astype(np.float32)
    labels = (features[:, 0] > 0).astype(int)
    kernel, bias = fit(features, labels, np.ones(100), HeadConfig(strength=1.0))
    assert kernel.shape == (4, 2)
    assert ((features @ kernel + bias).argmax(axis=1) == labels).mean() > 0.9


@pytest.mark.parametrize("whiten", [-0.1, 1.1, float("nan")])
def test_impossible_whitening(whiten):
    with pytest.raises(UsageError, match=f"--whiten {whiten}: must be from 0 to 1"):
        HeadConfig(whiten=whiten)
