from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from genrestream.features.frontend import features
from genrestream.inference.checkpoint import read
from genrestream.inference.network import bind, load_weights
from genrestream.inference.shipped import find
from genrestream.models.musicnn import TemporalBlock
from train.study.convert_musicnn import MSD_TAGS


def test_equals_the_original(golden):
    tags = read(find("musicnn-tags"))
    network = bind(tags.card)(load_weights(tags))
    frames = features(jnp.asarray(golden["waveform"]), tags.card.frontend)
    penultimate, _ = network.features(frames)
    np.testing.assert_allclose(penultimate, golden["MSD_musicnn_penultimate"], atol=1e-3)
    np.testing.assert_allclose(network(frames), golden["MSD_musicnn_logits"], atol=1e-3)
    assert tags.card.labels == MSD_TAGS


def test_genre_head_stands_on_the_same_network():
    genres, tags = read(find("musicnn")), read(find("musicnn-tags"))
    ours, theirs = load_weights(genres), load_weights(tags)
    frozen = {name for name in ours if not name.startswith("output.")}
    assert frozen == {name for name in theirs if not name.startswith("output.")}
    assert all(np.array_equal(ours[name], theirs[name]) for name in frozen)


def test_chunks_of_a_batch_do_not_see_each_other(golden):
    tags = read(find("musicnn-tags"))
    network = jax.jit(bind(tags.card)(load_weights(tags)).__call__)
    frames = features(jnp.asarray(golden["waveform"]), tags.card.frontend)
    np.testing.assert_allclose(network(frames)[1], network(frames[1:])[0], atol=1e-4)


@pytest.mark.parametrize("n_frames", [187, 100, 40])
def test_the_fast_inference_of_the_temporal_filters_equals_their_convolution(n_frames):
    block = TemporalBlock(6, 32, nnx.Rngs(0))
    rng = np.random.default_rng(0)
    variables: Any = (block.norm.scale, block.norm.bias, block.norm.mean, block.conv.bias)
    for variable in variables:
        variable.set_value(jnp.asarray(rng.normal(size=6), jnp.float32))  # scales of both signs
    x = jnp.asarray(rng.normal(size=(2, n_frames, 96, 1)), jnp.float32)
    block = nnx.view(block, use_running_average=True)
    slow = block.norm(nnx.relu(block.conv(x.swapaxes(1, 2)))).max(axis=1)
    np.testing.assert_allclose(block(x), slow, atol=1e-5)
