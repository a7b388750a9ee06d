"""Our layers equal flax's own, values and gradients; they are ours because they train faster."""

from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from genrestream.models.crnn import CRNN, CRNNConfig
from genrestream.models.layers.convolution import Conv, computed_once
from genrestream.models.layers.gradients import FAST, is_fast, only_fast
from genrestream.models.layers.norm import BatchNorm
from genrestream.models.layers.pooling import max_pool
from genrestream.models.layers.recurrent import Recurrent


def some(*shape: int, seed: int = 0) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def assert_same(ours: Callable[..., jax.Array], theirs: Callable[..., jax.Array], *arguments: jax.Array) -> None:
    """Values, and gradients with respect to every argument under a slope that differs everywhere."""
    slope = some(*theirs(*arguments).shape, seed=1)
    with only_fast(*FAST):
        both = [jax.jit(lambda *a, f=f: (f(*a), *jax.vjp(f, *a)[1](slope)))(*arguments) for f in (ours, theirs)]
    for got, expected in zip(*both, strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-5 * float(jnp.abs(expected).max()))


def called(layer: nnx.Module) -> Callable[..., jax.Array]:
    """The layer as a function of its input and its parameters, in the order of their names."""
    graph, params, rest = nnx.split(layer, nnx.Param, ...)

    def call(x, *values):
        new = nnx.State({name: nnx.Param(value) for name, value in zip(sorted(params), values, strict=True)})
        return nnx.merge(graph, new, rest, copy=True)(x)

    return call


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((2, 13, 12, 1), 3), ((1, 5, 96, 1), 3), ((2, 7, 10, 1), 3),  # of one channel
        ((2, 13, 12, 4), 3), ((1, 1, 1, 3), 3), ((5, 2, 7, 2), 3), ((2, 5, 3, 4), 1),
    ],
)  # fmt: skip
def test_conv(shape, size):
    ours = Conv(shape[-1], 6, nnx.Rngs(0), size=size)
    theirs = nnx.Conv(shape[-1], 6, (size, size), rngs=nnx.Rngs(0))
    kernel = some(size, size, shape[-1], 6, seed=2)
    assert_same(called(ours), called(theirs), some(*shape), some(6, seed=3), kernel)


@pytest.mark.parametrize("shape", [(4, 5, 6, 3), (7, 9, 3), (6, 3)])
def test_batch_norm(shape):
    ours, theirs = BatchNorm(3, rngs=nnx.Rngs(0)), nnx.BatchNorm(3, rngs=nnx.Rngs(0))
    x = 2 * some(*shape) + 5
    assert_same(called(ours), called(theirs), x, some(3, seed=2), some(3, seed=3))
    np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-5, atol=1e-6)
    for got, expected in ((ours.mean, theirs.mean), (ours.var, theirs.var)):
        np.testing.assert_allclose(got.get_value(), expected.get_value(), rtol=1e-5)
    for layer in (ours, theirs):
        layer.eval()
    np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-5)
    assert ours(x.astype(jnp.bfloat16)).dtype == jnp.bfloat16


@pytest.mark.parametrize(("shape", "pool"), [((2, 8, 6, 3), (2, 2)), ((2, 9, 7, 3), (2, 3)), ((1, 4, 6, 2), (1, 2))])
def test_max_pool(shape, pool):
    assert_same(lambda x: max_pool(x, pool), lambda x: nnx.max_pool(x, pool, pool), some(*shape))


def test_the_gradient_of_equal_values_is_not_multiplied():
    """Silence and masked bands are constant: each piece still passes its slope on once."""
    slope = some(1, 2, 2, 3)
    given = jax.vjp(lambda x: max_pool(x, (2, 2)), jnp.zeros((1, 4, 4, 3)))[1](slope)[0]
    np.testing.assert_allclose(given.reshape(1, 2, 2, 2, 2, 3).sum(axis=(2, 4)), slope, rtol=1e-6)


@pytest.mark.parametrize(("name", "cell", "n_gates"), [("gru", nnx.GRUCell, 3), ("lstm", nnx.OptimizedLSTMCell, 4)])
def test_recurrent_layers(name, cell, n_gates):
    n_inputs, n_units = 5, 7

    def call_ours(x, inputs, states, bias):
        layer = Recurrent(name, n_inputs, n_units, nnx.Rngs(0))
        layer.inputs.kernel.set_value(inputs)
        cast(nnx.Param, layer.inputs.bias).set_value(bias)
        layer.states.kernel.set_value(states)
        return layer(x)

    def call_theirs(x, inputs, states, bias):
        layer = cell(n_inputs, n_units, rngs=nnx.Rngs(0))
        layer.dense_i.kernel.set_value(inputs)
        layer.dense_h.kernel.set_value(states)
        (layer.dense_i if layer.dense_i.use_bias else layer.dense_h).bias.set_value(bias)
        start = jnp.zeros((len(x), n_units))
        carry: Any = start if n_gates == 3 else (start, start)
        return cast(jax.Array, nnx.RNN(layer, rngs=nnx.Rngs(0))(x, initial_carry=carry))

    arguments = [some(n_inputs, n_gates * n_units, seed=4), some(n_units, n_gates * n_units, seed=5)]
    assert_same(call_ours, call_theirs, some(3, 6, n_inputs), *arguments, some(n_gates * n_units, seed=6))


def test_what_is_computed_once_stays_as_it_is():
    """Also what is not a number: a step must see it and stop."""
    assert_same(lambda x: computed_once(x) ** 2, lambda x: x**2, some(2, 5, 4, 3))
    strange = jnp.array([jnp.nan, jnp.inf, -jnp.inf, 0.0])
    with only_fast("computed_once"):
        trained, pull_back = jax.vjp(computed_once, strange)
    for got in (computed_once(strange), trained, pull_back(strange)[0]):
        np.testing.assert_array_equal(got, strange)


def test_the_fast_gradients_of_a_network_equal_the_plain_ones():
    """A network with all four, traced both ways; GPU and TPU take the plain ones."""
    config = CRNNConfig(n_filters=(4, 8), pool_frames=(2, 2), pool_mels=(2, 2), n_units=8, n_layers=1)
    network = CRNN(config, (12, 16), 3, rngs=nnx.Rngs(0))
    graph, params, rest = nnx.split(network, nnx.Param, ...)
    x = some(2, 12, 16)

    def loss(params):
        return (nnx.merge(graph, params, rest, copy=True)(x) ** 2).sum()

    results = []
    for names in ((), FAST):
        with only_fast(*names):
            results.append(jax.tree.leaves(jax.jit(jax.value_and_grad(loss))(params)))
    for plain, fast in zip(*results, strict=True):
        np.testing.assert_allclose(fast, plain, atol=1e-3 * float(jnp.abs(plain).max()) + 1e-6)


def test_the_switch_knows_its_names():
    with pytest.raises(ValueError, match="pool: must be of max_pool, "), only_fast("pool"):
        pass
    assert all(map(is_fast, FAST)) == (jax.default_backend() == "cpu")
