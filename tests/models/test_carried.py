"""Stateful networks: pieces of any size equal one pass, and no answer knows what comes later."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from genrestream.models import CNNLSTM, CRNN, CNNLSTMConfig, CRNNConfig
from genrestream.models.layers.carried import causal, running_mean
from genrestream.models.layers.recurrent import Recurrent

N_FRAMES, N_BINS = 48, 16
NETWORKS = {
    "crnn": (CRNN, CRNNConfig((4, 8), (2, 2), (2, 2), n_units=8, n_layers=2, stateful=True)),
    "cnn_lstm": (CNNLSTM, CNNLSTMConfig((6, 6, 6), n_units=8, stateful=True)),
    "cnn_lstm, even filters": (CNNLSTM, CNNLSTMConfig((6, 6), n_frames_seen=4, n_units=8, stateful=True)),
}


def some(*shape: int, seed: int = 0) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


@pytest.fixture(params=NETWORKS)
def network(request):
    module, config = NETWORKS[request.param]
    made = module(config, (N_FRAMES, N_BINS), 3, rngs=nnx.Rngs(0))
    made.eval()
    return made


@pytest.mark.parametrize("sizes", [(24, 24), (4,) * 12, (8, 36, 4)])
def test_pieces_of_any_size_equal_one_pass(network, sizes):
    x = some(2, N_FRAMES, N_BINS)
    state, logits, start = network.initial_state(2), jnp.zeros(0), 0
    for size in sizes:
        logits, state = network.step(x[:, start : start + size], state)
        start += size
    np.testing.assert_allclose(logits, network(x), atol=1e-4)
    assert jnp.ptp(logits) > 1e-3


def test_streams_do_not_hear_each_other(network):
    x = some(2, N_FRAMES, N_BINS)
    alone, _ = network.step(x[1:], network.initial_state(1))
    np.testing.assert_allclose(network(x)[1:], alone, atol=1e-5)


def test_the_past_counts(network):
    _, state = network.step(some(1, N_FRAMES, N_BINS, seed=1), network.initial_state(1))
    x = some(1, N_FRAMES, N_BINS)
    assert jnp.abs(network.step(x, state)[0] - network(x)).max() > 1e-3


@pytest.mark.parametrize("size", [2, 3, 5])
def test_a_causal_convolution_sees_nothing_later(size):
    conv = nnx.Conv(3, 4, (size,), rngs=nnx.Rngs(0))
    before, x = some(2, size - 1, 3, seed=1), some(2, 9, 3)
    responses, after = causal(conv, x, before)
    changed, _ = causal(conv, x.at[:, 5:].add(1.0), before)
    np.testing.assert_array_equal(responses[:, :5], changed[:, :5])
    assert (responses[:, 5] != changed[:, 5]).any()
    np.testing.assert_array_equal(after, jnp.concatenate([before, x], axis=1)[:, -(size - 1) :])


def test_the_mean_forgets():
    x = some(1, 30, 2)
    weights = 0.9 ** np.arange(29, -1, -1)
    got, _ = running_mean(x, (jnp.zeros((1, 2)), jnp.zeros((1, 1))), 0.9)
    np.testing.assert_allclose(got[0], weights @ x[0] / weights.sum(), rtol=1e-4)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_gradients_through_a_carried_state(cell):
    """Wherever the steps part they are the same, those of the state among them, which training stops."""
    layer, x = Recurrent(cell, 3, 5, nnx.Rngs(0)), some(2, 8, 3)
    graph, params = nnx.split(layer)

    def loss(params, x, n_first):
        module = nnx.merge(graph, params, copy=True)
        first, carry = module.step(x[:, :n_first], module.initial_state(2))
        second, (state, memory) = module.step(x[:, n_first:], carry)
        return (jnp.concatenate([first, second], axis=1) ** 2).sum() + (state * memory).sum()

    one, two = (jax.tree.leaves(jax.grad(loss, (0, 1))(params, x, n_first)) for n_first in (3, 6))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_chunk_is_a_whole_number_of_steps(name):
    module, config = NETWORKS[name]
    with pytest.raises(ValueError, match=f"n_frames=47 must be a multiple of {config.stride}"):
        module(config, (47, N_BINS), 3, rngs=nnx.Rngs(0))
