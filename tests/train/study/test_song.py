"""Votes that are learnt: what they are fitted to, and that they cannot look ahead."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from genrestream.voting.vote import Vote
from train.study.song import layers
from train.study.song.heads import Heads
from train.study.song.networks import Attention, Gru, Learned, Query, Training, _cuts
from train.study.song.songs import MOST, N_FOLDS, Songs
from train.study.song.votes import calibrated_mean

NETWORKS = [Query, Gru, Attention]
N_GENRES, N_TRACKS, N_INPUTS = 3, 60, 40


@pytest.fixture(scope="module")
def songs() -> Songs:
    """Return tracks with a component for each genre, and one by which half of the chunks lie."""
    rng = np.random.default_rng(0)
    labels, lengths = np.arange(N_TRACKS) % N_GENRES, rng.integers(1, MOST + 1, N_TRACKS)
    features = rng.normal(size=(N_TRACKS, MOST, N_INPUTS)).astype(np.float32)
    lies = rng.random((N_TRACKS, MOST)) < 0.5
    said = np.where(lies, rng.integers(0, N_GENRES, (N_TRACKS, 1)), labels[:, None])
    features[..., :N_GENRES] += 4 * np.eye(N_GENRES)[said]
    features[..., N_GENRES] = 3 * lies
    features[np.arange(MOST) >= lengths[:, None]] = 0
    return Songs(
        genres=("blues", "jazz", "rock"),
        labels=labels,
        folds=np.arange(N_TRACKS) // N_GENRES % N_FOLDS,
        domains=np.full(N_TRACKS, "made up"),
        weights=np.full(N_TRACKS, 1 / N_TRACKS),
        lengths=lengths,
        features=features,
    )


def of_made_up(network: type) -> tuple[Any, list[Any]]:
    """Return a network, and inputs for it: chunks, their probabilities, and the mean vote."""
    rng = np.random.default_rng(1)
    probs = rng.dirichlet(np.ones(N_GENRES), (2, 5)).astype(np.float32)
    inputs = [rng.normal(size=(2, 5, N_INPUTS)).astype(np.float32), probs, np.log(probs)]
    return network(N_INPUTS, N_GENRES, nnx.Rngs(0)), [jnp.asarray(one) for one in inputs]


def test_a_vote_is_fitted_to_answers_of_layers_that_do_not_know_the_track(songs):
    others = songs.labels.copy()
    others[songs.folds == 2] = (others[songs.folds == 2] + 1) % N_GENRES
    before, after = (
        Heads(dataclasses.replace(songs, labels=labels)).unseen((0,))[songs.folds == 2]
        for labels in (songs.labels, others)
    )
    np.testing.assert_array_equal(before, after)


def test_the_mean_is_the_vote_of_the_stream(songs):
    mean = calibrated_mean(Heads(songs), (0,))
    vote = Vote(N_GENRES, sharpness=mean.sharpness)
    for number, probs in enumerate(mean.probs[7]):
        vote.add("music", probs, np.arange(N_GENRES) == probs.argmax(), 3.0 * number, 3.0 * number + 3)
        np.testing.assert_allclose(mean.vote[7, number], vote.probs, atol=1e-9)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_network_begins_as_the_mean_vote(network):
    untrained, inputs = of_made_up(network)
    np.testing.assert_allclose(untrained(*inputs), inputs[2], atol=1e-6)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_network_does_not_look_ahead(network):
    trained, inputs = of_made_up(network)
    layer = trained.query if network is Query else trained.output
    layer.kernel.set_value(jnp.linspace(-1, 1, layer.kernel.get_value().size).reshape(layer.kernel.get_value().shape))
    before = trained(*inputs)
    after = trained(*(one.at[:, 3:].set(one[:, :2]) for one in inputs))
    np.testing.assert_allclose(after[:, :3], before[:, :3], atol=1e-6)
    assert np.abs(after[:, 3:] - before[:, 3:]).max() > 1e-3


def test_cuts_are_chunks_of_the_track_in_their_order():
    lengths = np.arange(1, MOST + 1)
    order, counts = _cuts(lengths, 0.5, np.random.default_rng(0))
    for places, count, length in zip(order, counts, lengths, strict=True):
        assert 1 <= count <= length
        assert (places[:count] < length).all()
        assert (np.diff(places[:count]) > 0).all()


def test_a_query_learns_which_chunks_count(songs):
    heads, tracks = Heads(songs), np.flatnonzero((songs.folds == 0) & (songs.lengths > 5))
    at = tracks, songs.lengths[tracks] - 1, songs.labels[tracks]
    learned = Learned(Query, Training(n_steps=60, learning_rate=0.03, dropout=0.0))(heads, (0,))
    assert -learned[at].mean() < 0.9 * -np.log(calibrated_mean(heads, (0,)).vote[at]).mean()


@pytest.mark.parametrize("rule", [layers.group_robust, layers.two_layers, layers.two_layers_and_mean])
def test_other_layers_learn_from_other_folds_alone(songs, rule, monkeypatch):
    monkeypatch.setattr(layers, "N_EPOCHS", 20)
    monkeypatch.setattr(layers, "N_NETWORKS", 1)
    its = songs.folds == 0
    labels = np.where(its, (songs.labels + 1) % N_GENRES, songs.labels)
    log_vote, other = (rule(Heads(dataclasses.replace(songs, labels=one)), (0,)) for one in (songs.labels, labels))
    np.testing.assert_array_equal(log_vote[its], other[its])
    at_the_end = log_vote[np.arange(N_TRACKS), songs.lengths - 1]
    assert (at_the_end.argmax(axis=1) == songs.labels)[its].mean() > 0.6  # half of the chunks lie
