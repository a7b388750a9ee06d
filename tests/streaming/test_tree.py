"""Labels with parents: what is probable, what is named, and how it is shown."""

import dataclasses

import numpy as np
import pytest

from genrestream.inference.tree import Tree
from genrestream.streaming.config import StreamConfig
from genrestream.streaming.session import Session
from tests.conftest import music

LABELS = ("rock", "punk", "metal", "jazz")
PATHS = ("rock", "rock › punk", "rock › metal", "jazz")


def heard(tags, chunks, thresholds=None, **options):
    """The predictions of chunks whose labels have these probabilities."""
    card = dataclasses.replace(
        tags.card, labels=LABELS, tree={"punk": "rock", "metal": "rock"}, thresholds=thresholds or {}
    )
    logits = iter([np.log(np.divide(probs, np.subtract(1, probs)))[None] for probs in chunks])
    session = Session(card, lambda chunk: next(logits), StreamConfig(**options))
    return session.push(music(3.0 * len(chunks))[0], 16_000) + session.flush()


def test_a_parent_is_as_probable_as_its_most_probable_child():
    tree = Tree({"punk": "rock", "metal": "rock"}, LABELS)
    assert tree.lifted(np.array([0.1, 0.7, 0.4, 0.2])).tolist() == [0.7, 0.7, 0.4, 0.2]
    assert tree.lifted(np.array([0.9, 0.7, 0.4, 0.2])).tolist() == [0.9, 0.7, 0.4, 0.2]


@pytest.mark.parametrize("vote", ["mean", "majority", "decay", "follow"])
def test_no_child_is_ever_more_probable_than_its_parent(tags, vote):
    rng = np.random.default_rng(0)
    thresholds = {"rock": 0.3, "punk": 0.3, "metal": 0.6}
    for prediction in heard(tags, rng.uniform(0.01, 0.99, (20, 4)), thresholds, vote=vote):
        for probs in (prediction.probs, prediction.running.probs, prediction.running.votes):
            assert probs["rock"] >= max(probs["rock › punk"], probs["rock › metal"])


def test_a_named_child_is_a_path_and_its_parent_is_not_named_as_well(tags):
    (prediction,) = heard(tags, [(0.1, 0.7, 0.05, 0.6)])
    assert tuple(prediction.probs) == PATHS
    assert prediction.chosen == ("rock › punk", "jazz")
    running = prediction.running
    assert running.genres == ("rock › punk", "jazz")
    assert running.genre == "rock › punk + jazz"
    assert (running.leader, running.probability) == ("rock › punk", pytest.approx(0.7))
    assert running.votes == {"rock": 1, "rock › punk": 1, "rock › metal": 0, "jazz": 1}
    (prediction,) = heard(tags, [(0.7, 0.1, 0.1, 0.1)])
    assert prediction.running.genres == ("rock",)


def test_the_probability_is_that_of_the_named_label_not_of_its_parent(tags):
    (prediction,) = heard(tags, [(0.9, 0.6, 0.1, 0.1)])
    assert prediction.running.genre == "rock › punk"
    assert prediction.running.probability == pytest.approx(0.6)


def test_each_label_has_its_threshold_and_the_option_replaces_them_all(tags):
    thresholds = {"rock": 0.5, "punk": 0.65, "metal": 0.5, "jazz": 0.9}
    chunks = [(0.6, 0.6, 0.3, 0.8)]
    assert heard(tags, chunks, thresholds)[0].running.genres == ("rock",)
    assert heard(tags, chunks, thresholds, min_probability=0.5)[0].running.genres == ("jazz", "rock › punk")
    unsure = heard(tags, chunks, dict.fromkeys(LABELS, 0.9))[0].running
    assert (unsure.state, unsure.genres, unsure.leader) == ("unsure", (), "jazz")
