import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrestream.voting.follow import Follow
from genrestream.voting.steps import OTHERS, Steps, Stickiness

STICKY = Stickiness(mean_s=20.0, floor=0.005, evidence=1.0)


def ballot(label, prob=0.9, n_labels=3):
    probs = np.full(n_labels, (1 - prob) / (n_labels - 1))
    probs[label] = prob
    return probs


def played(vote, names, hop_s=1.0, start_s=0.0, prob=0.9):
    """Play one chunk a name: a label's number, or what is no music."""
    for number, name in enumerate(names):
        at_s = start_s + hop_s * number
        if isinstance(name, str):
            vote.add(name, np.empty(0), np.empty(0, bool), at_s, at_s + 3)
        else:
            probs = ballot(name, prob)
            vote.add("music", probs, probs == probs.max(), at_s, at_s + 3)
    return vote


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([0, 1, 2, *OTHERS]), min_size=1, max_size=40), st.sampled_from([0.5, 1.0, 3.0]))
def test_it_is_the_forward_filter_of_the_model(names, hop_s):
    vote, steps = Follow(3, stickiness=STICKY), Steps(3, STICKY)
    weights = np.full(6, 1 / 6)
    for number, name in enumerate(names):
        kind, probs = (name, np.empty(0)) if isinstance(name, str) else ("music", ballot(name))
        step = steps.step(kind, probs, hop_s * number, hop_s * number + 3)
        change = np.full((6, 6), (1 - step.stay) / 5)
        np.fill_diagonal(change, step.stay)
        weights = weights @ change * np.exp(step.seen)
        weights /= weights.sum()
    played(vote, names, hop_s)
    best = int(weights.argmax())
    assert vote.kind == ("music" if best < 3 else OTHERS[best - 3]) or np.isclose(np.sort(weights)[-2], weights[best])
    if vote.kind == "music":
        np.testing.assert_allclose(vote.probs, weights[:3] / weights[:3].sum(), atol=1e-9)


def test_a_change_is_noticed_and_votes_count_from_it():
    vote = played(Follow(3, stickiness=STICKY), [0] * 40)
    assert (vote.probs.argmax(), vote.since_s, vote.n_votes, vote.counts.tolist()) == (0, 0.0, 40, [40, 0, 0])
    played(vote, [1] * 8, start_s=40)
    assert vote.probs.argmax() == 1
    assert vote.since_s == pytest.approx(41, abs=1.1), "where the middle of the chunk that changed begins"
    assert vote.counts.tolist() == [0, vote.n_votes, 0]
    assert 7 <= vote.n_votes <= 8


def test_one_doubtful_chunk_changes_nothing():
    vote = played(Follow(3, stickiness=STICKY), [0] * 10)
    played(vote, [1], start_s=10, prob=0.6)
    assert vote.probs.argmax() == 0
    assert vote.counts.tolist() == [10, 1, 0]


@pytest.mark.parametrize("other", OTHERS)
def test_what_is_no_music_takes_the_answer_back(other):
    vote = played(Follow(3, stickiness=STICKY), [0] * 30)
    played(vote, [other] * 5, start_s=30)
    assert vote.kind == other
    assert vote.probs.tolist() == [0, 0, 0]
    assert vote.n_votes == vote.counts.sum() == 0
    assert vote.since_s == pytest.approx(30, abs=2.1)


def test_after_an_interruption_nothing_is_left():
    vote = played(Follow(3, stickiness=STICKY), [0] * 30)
    vote.interrupt()
    assert (vote.kind, vote.n_votes, vote.since_s, vote.probs.tolist()) == ("nothing", 0, None, [0, 0, 0])
    played(vote, [1], start_s=100)
    assert (vote.probs.argmax(), vote.since_s) == (1, 100)


def test_chunks_that_overlap_do_not_make_it_surer():
    sparse = played(Follow(3, stickiness=STICKY), [0] * 2, hop_s=3.0, prob=0.6)
    dense = played(Follow(3, stickiness=STICKY), [0] * 13, hop_s=0.25, prob=0.6)
    assert dense.probs[0] == pytest.approx(sparse.probs[0], abs=0.03)


def test_tags_are_means_since_the_last_change():
    vote = Follow(3, is_exclusive=False, stickiness=STICKY)
    for number in range(20):
        probs = np.array([0.9, 0.8, 0.1]) if number < 10 else np.array([0.02, 0.02, 0.9])
        vote.add("music", probs, probs > 0.5, 3.0 * number, 3.0 * number + 3)
    np.testing.assert_allclose(vote.probs, [0.02, 0.02, 0.9])
    assert (vote.since_s, vote.counts.tolist()) == (pytest.approx(30), [0, 0, 10])
