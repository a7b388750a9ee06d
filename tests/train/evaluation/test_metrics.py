import numpy as np
import pytest
from scipy.stats import norm

from train.evaluation.metrics import (
    accuracy_interval,
    area_by_class,
    by_class,
    calibration_error,
    holm,
    macro_f1,
    macro_interval,
    mcnemar,
    reliability,
)

LABELS = np.array([0, 0, 0, 0, 1, 1, 2, 2])
PREDICTED = np.array([0, 0, 0, 1, 1, 2, 2, -1])


def test_the_interval_is_that_of_a_binomial():
    correct = np.arange(400) < 320
    low, high = accuracy_interval(correct)
    half = norm.ppf(0.975) * np.sqrt(0.8 * 0.2 / 400)
    assert (low, high) == (pytest.approx(0.8 - half, abs=0.005), pytest.approx(0.8 + half, abs=0.005))


def test_a_tracks_chunks_are_no_independent_trials():
    tracks = np.arange(50) < 40  # each with 10 chunks, all right or all wrong
    low, high = accuracy_interval(tracks.astype(float), weights=np.full(50, 10.0))
    assert (low, high) == pytest.approx(accuracy_interval(tracks), abs=0.02)
    as_if_independent = accuracy_interval(np.repeat(tracks, 10))
    assert high - low > 2 * (as_if_independent[1] - as_if_independent[0])


def test_the_interval_of_the_mean_over_genres_draws_within_each():
    low, high = macro_interval(np.array([1.0] * 90 + [0.0] * 10), np.array([0] * 90 + [1] * 10))
    assert low == high == 0.5


def test_precision_recall_and_f1_with_an_unanswered_track():
    scores = by_class(PREDICTED, LABELS, 3)
    np.testing.assert_allclose(scores["precision"], [1, 0.5, 0.5])
    np.testing.assert_allclose(scores["recall"], [0.75, 0.5, 0.5])
    assert macro_f1(PREDICTED, LABELS) == pytest.approx((2 * 0.75 / 1.75 + 0.5 + 0.5) / 3)
    assert scores["support"].tolist() == [4, 2, 2]


def test_a_class_that_nobody_named_has_no_warning_and_no_score():
    assert macro_f1(np.zeros(4, int), np.array([0, 0, 1, 1])) == pytest.approx((2 / 3 + 0) / 2)


def test_areas():
    probs = np.array([[0.9, 0.1, 0.0], [0.6, 0.4, 0.0], [0.3, 0.7, 0.0]])
    areas = area_by_class(probs, np.array([0, 1, 1]))
    np.testing.assert_allclose(areas["auc"], [1, 1, np.nan])
    np.testing.assert_allclose(areas["average_precision"], [1, 1, np.nan])


def test_calibration_error_is_the_gap_between_confidence_and_accuracy():
    probs = np.array([[0.8, 0.2]] * 10)
    assert calibration_error(probs, np.array([0] * 8 + [1] * 2)) == pytest.approx(0)
    assert calibration_error(probs, np.array([0] * 3 + [1] * 7)) == pytest.approx(0.5)


def test_reliability_counts_every_answer_in_its_bin():
    probs = np.array([[0.55, 0.45], [0.58, 0.42], [0.95, 0.05], [1.0, 0.0]])
    bins = reliability(probs, np.array([0, 1, 0, 0]))
    assert bins.counts.tolist() == [0, 0, 0, 0, 0, 2, 0, 0, 0, 2]
    assert bins.accuracy[[5, 9]].tolist() == [0.5, 1.0]
    assert bins.low[9] < 1.0 == bins.high[9]
    assert np.isnan(bins.accuracy[0])


def test_mcnemar_counts_only_what_differs():
    first = np.array([True] * 50 + [True] * 9 + [False] * 1 + [False] * 40)
    second = np.array([True] * 50 + [False] * 9 + [True] * 1 + [False] * 40)
    assert mcnemar(first, second) == (9, 1, pytest.approx(22 / 1024))  # 2 (1 + 10) / 2^10
    assert mcnemar(first, first) == (0, 0, 1.0)


def test_holm():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.6])), [0.04, 0.09, 0.09, 0.6])
    assert holm(np.array([0.9, 0.8])).tolist() == [1, 1]
    assert holm(np.array([])).tolist() == []
