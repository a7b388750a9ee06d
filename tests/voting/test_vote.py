import numpy as np
import pytest

from genrestream.errors import UsageError
from genrestream.voting.vote import Vote

BALLOTS = np.array([[0.6, 0.3, 0.1], [0.4, 0.5, 0.1], [0.1, 0.2, 0.7]])


def run(rule, half_life_s=3.0):
    vote = Vote(3, rule, half_life_s)
    for number, probs in enumerate(BALLOTS):
        vote.add("music", probs, probs == probs.max(), 3.0 * number, 3.0 * number + 3.0)
    return vote


def test_mean_is_the_mean_of_the_probabilities():
    np.testing.assert_allclose(run("mean").probs, BALLOTS.mean(axis=0))


def test_majority_is_the_share_of_the_chunks():
    np.testing.assert_allclose(run("majority").probs, [1 / 3, 1 / 3, 1 / 3])


def test_decay_halves_a_ballot_each_half_life():
    np.testing.assert_allclose(run("decay").probs, np.array([0.25, 0.5, 1.0]) @ BALLOTS / 1.75)


def test_decay_counts_time_not_chunks():
    early, late = Vote(2, "decay", 10.0), Vote(2, "decay", 10.0)
    for vote, time_s in ((early, 1.0), (late, 60.0)):
        vote.add("music", np.array([1.0, 0.0]), np.array([True, False]), 0.0, 3.0)
        vote.add("music", np.array([0.0, 1.0]), np.array([False, True]), time_s, time_s + 3.0)
    assert late.probs[0] < 0.02 < 0.4 < early.probs[0]


@pytest.mark.parametrize("rule", ["mean", "majority", "decay"])
def test_votes_are_counted_and_the_probabilities_are_ones_of_a_distribution(rule):
    vote = run(rule)
    assert vote.counts.tolist() == [1, 1, 1]
    assert vote.n_votes == 3
    assert vote.probs.sum() == pytest.approx(1)
    assert str(vote).startswith(rule)


def test_decay_counts_only_votes_that_still_weigh():
    vote = Vote(2, "decay", 10.0)
    for time_s in range(0, 1000):
        vote.add("music", np.array([0.9, 0.1]), np.array([time_s < 970, time_s >= 970]), time_s, time_s + 3.0)
    assert vote.n_votes == vote.counts.sum() == 41
    assert vote.counts.tolist() == [11, 30]


def test_without_votes_nothing_is_probable():
    assert Vote(3).probs.tolist() == [0, 0, 0]


def test_unknown_rules_and_half_lives_are_refused():
    with pytest.raises(UsageError, match="vote='loudest' must be one of mean, majority, decay"):
        Vote(3, "loudest")  # pyright: ignore[reportArgumentType]
    for half_life_s in (0.0, -1.0, 1e9, float("nan")):
        with pytest.raises(UsageError, match="half_life_s="):
            Vote(3, "decay", half_life_s)


def test_a_sharpened_vote_keeps_one_ballot_and_the_ranking():
    ballots = np.array([[0.5, 0.3, 0.2], [0.6, 0.3, 0.1], [0.4, 0.35, 0.25]])
    vote, plain = Vote(3, sharpness=0.8), Vote(3)
    for number, ballot in enumerate(ballots):
        for one in (vote, plain):
            one.add("music", ballot, ballot == ballot.max(), 3.0 * number, 3.0 * number + 3.0)
        if number == 0:
            np.testing.assert_allclose(vote.probs, ballot)
    expected = ballots.mean(axis=0) ** (1 + 0.8 * 2 / 3)
    np.testing.assert_allclose(vote.probs, expected / expected.sum())
    assert vote.probs[0] > plain.probs[0]
    assert (np.argsort(vote.probs) == np.argsort(plain.probs)).all()


def test_shares_of_hard_votes_are_not_sharpened():
    vote = Vote(2, "majority", sharpness=2.0)
    for number in range(4):
        vote.add("music", np.array([0.6, 0.4]), np.array([number > 0, number == 0]), 3.0 * number, 3.0 * number + 3.0)
    assert vote.probs.tolist() == [0.75, 0.25]


def test_a_decaying_vote_is_sharpened_by_the_weight_that_is_left():
    vote = Vote(2, "decay", half_life_s=0.01, sharpness=2.0)
    for number in range(5):  # all but the last weigh nothing
        vote.add("music", np.array([0.7, 0.3]), np.array([True, False]), 3.0 * number, 3.0 * number + 3.0)
    np.testing.assert_allclose(vote.probs, [0.7, 0.3])
