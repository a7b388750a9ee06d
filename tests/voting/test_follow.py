import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrestream.voting.follow import MAX_RUNS, Changes, Follow
from genrestream.voting.steps import OTHERS

CHANGES = Changes(mean_s=20.0, prior=0.1, evidence=4.0, limit=8.0, sharpness=0.0)


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


def by_enumeration(names):
    """Return the probabilities after chunks that do not overlap, from each possible start of the present stretch."""
    seen = [ballot(name) for name in names]
    weights = {}
    for number, probs in enumerate(seen):
        change = 1 - math.exp(-3 / CHANGES.mean_s) if weights else 1.0
        grown = {}
        for start, weight in weights.items():
            own = np.sum(seen[start:number], axis=0)
            mean = (np.append(own, [0, 0, 0]) + CHANGES.prior / 6) / (number - start + CHANGES.prior)
            log = CHANGES.evidence * math.log(6 * float(mean[:3] @ probs))
            grown[start] = weight * (1 - change) * math.exp(min(CHANGES.limit, max(-CHANGES.limit, log)))
        weights = grown | {number: change}
        total = sum(weights.values())
        weights = {start: weight / total for start, weight in weights.items()}
    return np.sum([weight * np.mean(seen[start:], axis=0) for start, weight in weights.items()], axis=0)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=30))
def test_it_weighs_each_possible_start_of_the_stretch(names):
    np.testing.assert_allclose(played(Follow(3, CHANGES), names, hop_s=3.0).probs, by_enumeration(names), atol=1e-9)


def test_a_change_is_noticed_and_votes_count_from_it():
    vote = played(Follow(3), [0] * 40)
    assert (vote.probs.argmax(), vote.since_s, vote.n_votes, vote.counts.tolist()) == (0, 0.0, 40, [40, 0, 0])
    played(vote, [1] * 4, start_s=40)
    assert vote.probs.argmax() == 1
    assert vote.since_s == pytest.approx(41, abs=1.1)
    assert vote.counts.tolist() == [0, vote.n_votes, 0]
    assert 3 <= vote.n_votes <= 4


def test_one_doubtful_chunk_changes_nothing():
    vote = played(Follow(3), [0] * 10)
    played(vote, [1], start_s=10, prob=0.6)
    assert vote.probs.argmax() == 0
    assert vote.counts.tolist() == [10, 1, 0]


@pytest.mark.parametrize("other", OTHERS)
def test_what_is_no_music_takes_the_answer_back(other):
    vote = played(Follow(3), [0] * 30)
    played(vote, [other] * 5, start_s=30)
    assert vote.kind == other
    assert vote.probs.tolist() == [0, 0, 0]
    assert vote.n_votes == vote.counts.sum() == 0
    assert vote.since_s == pytest.approx(31, abs=1.1)


@pytest.mark.parametrize("other", ["speech", "noise"])
@pytest.mark.parametrize("music_s", [6, 60])
@pytest.mark.parametrize("hop_s", [0.25, 0.5, 1.0, 1.5, 2.0, 3.0])
def test_speech_or_noise_of_one_chunk_alone_does_not_take_the_answer_back_at_any_hop(hop_s, music_s, other):
    n_chunks = round(music_s / hop_s)
    vote = played(Follow(3), [0] * n_chunks, hop_s)
    played(vote, [other], hop_s, start_s=n_chunks * hop_s)
    assert (vote.kind, vote.probs.argmax(), vote.since_s, vote.n_votes) == ("music", 0, 0.0, n_chunks)
    played(vote, [0], hop_s, start_s=(n_chunks + 1) * hop_s)
    assert (vote.kind, vote.probs.argmax(), vote.since_s, vote.n_votes) == ("music", 0, 0.0, n_chunks + 1)


@pytest.mark.parametrize("other", ["speech", "noise"])
@pytest.mark.parametrize(("hop_s", "n_chunks"), [(0.25, 8), (0.5, 4), (1.0, 2), (1.5, 2), (2.0, 2), (3.0, 2)])
def test_speech_or_noise_of_more_than_a_chunk_takes_the_answer_back(hop_s, n_chunks, other):
    vote = played(Follow(3), [0] * 40, hop_s)
    played(vote, [other] * n_chunks, hop_s, start_s=40 * hop_s)
    assert vote.kind == other


def test_silence_is_measured_so_one_chunk_of_it_is_enough():
    vote = played(Follow(3), [0] * 30)
    assert played(vote, ["silence"], start_s=30).kind == "silence"
    played(vote, [1], start_s=31)
    assert (vote.kind, vote.n_votes, vote.probs.argmax()) == ("music", 1, 1)


def test_after_an_interruption_nothing_is_left():
    vote = played(Follow(3), [0] * 30)
    vote.interrupt()
    assert (vote.kind, vote.n_votes, vote.since_s, vote.probs.tolist()) == ("nothing", 0, None, [0, 0, 0])
    played(vote, [1], start_s=100)
    assert (vote.probs.argmax(), vote.since_s) == (1, 100)


def test_chunks_that_overlap_do_not_make_it_surer():
    sparse = played(Follow(3), [0] * 2, hop_s=3.0, prob=0.6)
    dense = played(Follow(3), [0] * 13, hop_s=0.25, prob=0.6)
    assert dense.probs[0] == pytest.approx(sparse.probs[0], abs=0.02)


def test_days_take_constant_memory():
    vote = Follow(3)
    chance = np.random.default_rng(0)
    for number in range(5000):
        played(vote, [0 if number < 4000 else 1], start_s=number, prob=chance.uniform(0.5, 0.95))
    assert vote._runs
    assert len(vote._runs.weights) == MAX_RUNS
    assert vote.since_s == pytest.approx(4000, abs=5)
    assert vote.n_votes == pytest.approx(1000, abs=5)


def test_tags_are_means_since_the_last_change():
    vote = Follow(3, is_exclusive=False)
    for number in range(20):
        probs = np.array([0.9, 0.8, 0.1]) if number < 10 else np.array([0.02, 0.02, 0.9])
        vote.add("music", probs, probs > 0.5, 3.0 * number, 3.0 * number + 3)
    np.testing.assert_allclose(vote.probs, [0.02, 0.02, 0.9], atol=0.01)
    assert (vote.since_s, vote.counts.tolist()) == (pytest.approx(30), [0, 0, 10])


def test_a_chunk_without_any_probability_is_borne():
    vote = Follow(3)
    for number in range(3):
        vote.add("music", np.zeros(3), np.zeros(3, bool), 3.0 * number, 3.0 * number + 3)
    assert np.isfinite(vote.probs).all()


def test_faint_tags_are_music_still():
    vote = Follow(3, is_exclusive=False)
    for number in range(4):
        vote.add("music", np.array([0.1, 0.05, 0.02]), np.zeros(3, bool), 3.0 * number, 3.0 * number + 3)
    vote.add("noise", np.empty(0), np.empty(0, bool), 12.0, 15.0)
    vote.add("music", np.array([0.1, 0.05, 0.02]), np.zeros(3, bool), 15.0, 18.0)
    assert vote.kind == "music"
