import dataclasses

import numpy as np
import pytest

from tests.made_up import scores
from train.evaluation.calibrate import negative_log_likelihood, temperature


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
    assert temperature(scaled) == pytest.approx(scale, rel=0.1)


def test_nothing_near_it_is_likelier():
    scored = scores(n_tracks=60, n_chunks=12, skill=0.7)
    best = temperature(scored)
    least = negative_log_likelihood(scored, best)
    assert all(negative_log_likelihood(scored, factor * best) > least for factor in (0.9, 1.1))


def test_the_temperatures_it_was_scored_with_do_not_matter():
    scored = scores(skill=0.5)
    assert temperature(scored) == temperature(scored.at_temperature(5.0))


def test_a_silent_track_says_nothing():
    scored = scores(n_tracks=10, n_chunks=2, skill=0.5)
    without = temperature(scored.select(scored.tracks[1:]))
    scored.logits[:2] = np.nan
    assert temperature(scored) == pytest.approx(without)
