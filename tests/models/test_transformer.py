"""The spectrogram transformer: what a token is, what it attends to, and what a stream in pieces gives."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from genrestream.errors import UsageError
from genrestream.inference.network import inferring
from genrestream.models.layers.attention import Block, rotated
from genrestream.models.transformer import PatchOut, Transformer, TransformerConfig, drawn
from tests.models.test_models import some

SMALL = TransformerConfig(patch_frames=4, patch_mels=8, n_units=16, n_layers=2, n_heads=2, n_hidden=32, n_columns=3)
STATEFUL = dataclasses.replace(SMALL, stateful=True)
N_MELS = 16


def network(config=SMALL, n_frames=24):
    return Transformer(config, (n_frames, N_MELS), 5, rngs=nnx.Rngs(0))


@functools.cache
def stream():
    """A stateful network as it infers, jitted: one pass, and a step."""
    module = inferring(network(STATEFUL))
    return module, jax.jit(module), jax.jit(module.step)


def test_the_default_has_at_most_a_million_parameters():
    module = nnx.eval_shape(lambda: Transformer(TransformerConfig(), (96, 64), 10, rngs=nnx.Rngs(0)))
    assert sum(leaf.size for leaf in jax.tree.leaves(nnx.state(module, nnx.Param))) < 1_000_000


def test_a_patch_is_a_piece_of_the_spectrogram():
    """All bands of the first time come first; what is after the last whole patch is dropped."""
    log_mel = some(2, 27, N_MELS)
    patches = inferring(network()).patches(log_mel)
    assert patches.shape == (2, 6 * 2, 4 * 8)
    np.testing.assert_allclose(patches[1, 5].reshape(4, 8), log_mel[1, 8:12, 8:16], rtol=1e-4)


@pytest.mark.parametrize("shape", [(3, N_MELS), (24, 7)])
def test_an_input_without_a_whole_patch_is_refused(shape):
    with pytest.raises(ValueError, match="has no patch of 4 frames and 8 mel bands"):
        Transformer(SMALL, shape, 5, rngs=nnx.Rngs(0))


def test_heads_must_divide_the_units():
    with pytest.raises(ValueError, match="n_units=16 must be a multiple of 2"):
        network(dataclasses.replace(SMALL, n_heads=3))


@pytest.mark.parametrize("wrong", [{"patch_out": 1.0}, {"stochastic_depth": -0.1}, {"n_layers": 17}, {"n_columns": 0}])
def test_impossible_configs_are_refused(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        TransformerConfig(**wrong)


def test_products_of_rotated_vectors_depend_on_differences_of_time():
    one, other, columns = some(1, 6, 2, 8), some(1, 6, 2, 8, seed=1), jnp.arange(6)[None]

    def products(columns):
        return jnp.einsum("bthd,bshd->bhts", rotated(one, columns), rotated(other, columns))

    np.testing.assert_allclose(products(columns), products(columns - 50), atol=1e-5)
    assert np.abs(products(columns) - products(2 * columns)).max() > 0.1


def test_patches_are_told_apart_by_time_and_band():
    log_mel, module = some(1, 24, N_MELS), inferring(network())
    for axis in (1, 2):
        assert np.abs(module(log_mel) - module(jnp.flip(log_mel, axis))).max() > 1e-3


def test_patch_out_leaves_out_other_patches_of_each_example_and_none_in_inference():
    layer = PatchOut(0.75, nnx.Rngs(0))
    kept = np.sort(layer(4, 40), axis=1)
    assert kept.shape == (4, 10)
    assert all(len(set(row)) == 10 for row in kept)
    assert len({tuple(row) for row in kept}) == 4
    layer.set_view(deterministic=True)
    np.testing.assert_array_equal(layer(2, 5), [range(5)] * 2)


def test_the_order_of_the_patches_does_not_count():
    """So patch-out needs no sorting: a token carries its place with it."""
    module, log_mel = inferring(network()), some(2, 24, N_MELS)
    patches, numbers = module.patches(log_mel), drawn(jax.random.key(0), 2, 12)
    shuffled = jnp.take_along_axis(patches, numbers[..., None], axis=1)
    tokens, _ = module.tokens(shuffled, numbers, numbers // 2)
    np.testing.assert_allclose(module.output(tokens.mean(axis=1)), module(log_mel), atol=1e-5)


def test_stochastic_depth_goes_past_both_branches_of_some_examples():
    block = Block(8, 2, 16, 0.0, 0.5, nnx.Rngs(0))
    x, columns = some(64, 3, 8), jnp.broadcast_to(jnp.arange(3), (64, 3))
    is_same = np.isclose(block(x, columns)[0], x).all(axis=(1, 2))
    assert 6 <= is_same.sum() <= 28  # a quarter
    assert not np.isclose(inferring(block)(x, columns)[0], x).all(axis=(1, 2)).any()


@pytest.mark.parametrize("sizes", [(9,), (1,) * 9, (4, 5)])
def test_a_stream_in_pieces_equals_one_pass(sizes):
    """9 times are three windows."""
    module, whole, step = stream()
    log_mel, state, logits, end = some(3, 36, N_MELS), module.initial_state(3), jnp.empty(()), 0
    for size in sizes:
        start, end = end, end + 4 * size
        logits, state = step(log_mel[:, start:end], state)
    np.testing.assert_allclose(logits, whole(log_mel), atol=1e-4)


def test_what_is_long_past_is_forgotten():
    """Each of two layers attends to 3 times, and the answer is the mean over 3: 7 times count."""
    _, whole, _ = stream()
    log_mel = some(1, 48, N_MELS)
    late, early = log_mel.at[:, 20:24].add(1.0), log_mel.at[:, :20].add(1.0)  # 12 times, of which the last 7 count
    np.testing.assert_allclose(whole(early), whole(log_mel), atol=1e-5)
    assert np.abs(whole(late) - whole(log_mel)).max() > 1e-4


def test_streams_do_not_mix():
    module, _, step = stream()
    log_mel = some(2, 8, N_MELS)
    both, _ = step(log_mel, module.initial_state(2))
    alone, _ = step(log_mel[:1], module.initial_state(1))
    np.testing.assert_allclose(both[:1], alone, atol=1e-5)


def test_a_step_must_be_of_whole_patches():
    module, _, _ = stream()
    with pytest.raises(ValueError, match="n_frames=6 must be a multiple of 4"):
        module.step(some(1, 6, N_MELS), module.initial_state(1))
    with pytest.raises(ValueError, match="n_frames=26 must be a multiple of 4"):
        network(STATEFUL, n_frames=26)
