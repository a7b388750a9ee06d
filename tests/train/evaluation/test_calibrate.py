import dataclasses

import numpy as np
import pytest

from tests.made_up import scores
from train.evaluation.calibrate import AFTER_CHUNKS, SHARPEST, calibration


def single_chunks(n_tracks=3000):
    """One chunk a track, its label drawn from the softmax of its logits: calibrated at temperature 1."""
    scored = scores(n_tracks=n_tracks, n_chunks=1, skill=0.0)
    rng = np.random.default_rng(1)
    logits = 2 * scored.logits
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(3, p=row) for row in probs])
    return dataclasses.replace(scored, logits=logits, labels=labels)


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_a_scale_of_the_logits(scale):
    scored = single_chunks()
    scaled = dataclasses.replace(scored, logits=scale * scored.logits)
    assert calibration(scaled).temperature == pytest.approx(scale, rel=0.1)


def loss(scored, temperature, sharpness):
    """Minus the log of the true genre's probability, as a user sees it, the mean over tracks and moments."""
    votes, places = scored.calibrated(temperature, sharpness).running(), range(len(scored.labels))
    moments = [votes[scored.chunk_numbered(number)][places, scored.labels] for number in AFTER_CHUNKS]
    return -np.log(moments).mean()


def test_nothing_near_it_is_likelier():
    scored = scores(n_tracks=60, n_chunks=12, skill=0.7)
    temperature, sharpness = calibration(scored)
    least = loss(scored, temperature, sharpness)
    for factor in (0.9, 1.1):
        assert loss(scored, factor * temperature, sharpness) > least
        assert loss(scored, temperature, min(SHARPEST, factor * sharpness)) > least - 1e-6


def test_votes_of_independent_chunks_are_surer_than_their_mean():
    """Each chunk is calibrated by itself, and the chunks of a track differ: their agreement says more than one says."""
    rng = np.random.default_rng(2)
    scored = scores(n_tracks=1500, n_chunks=8, skill=0.0)
    logits = 1.2 * rng.normal(size=scored.logits.shape)
    logits += 1.44 * np.eye(3)[scored.labels[scored.track]]  # the variance: then a softmax of the logits is the truth
    scored = dataclasses.replace(scored, logits=logits)
    fit = calibration(scored)
    assert fit.temperature == pytest.approx(1, rel=0.15)
    assert fit.sharpness > 0.5
    one = scored.calibrated(*fit)
    np.testing.assert_allclose(one.running()[one.chunk_numbered(1)], one.chunk_probs()[one.chunk_numbered(1)])


def test_the_calibration_it_was_scored_with_does_not_matter():
    scored = scores(skill=0.5)
    assert calibration(scored) == calibration(scored.calibrated(5.0, 2.0))


def test_a_silent_track_says_nothing():
    scored = scores(n_tracks=10, n_chunks=2, skill=0.5)
    without = calibration(scored.select(scored.tracks[1:]))
    scored.logits[:2] = np.nan
    assert calibration(scored) == pytest.approx(without)
