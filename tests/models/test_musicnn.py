from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from genrestream.features.config import LogMelConfig
from genrestream.features.frontend import features
from genrestream.inference.checkpoint import read
from genrestream.inference.network import Parts, bind, inferring, load_weights
from genrestream.inference.shipped import find
from genrestream.models import MusiCNNConfig
from genrestream.models.musicnn import MusiCNN, TemporalBlock
from train.study.convert_musicnn import MSD_TAGS, without_dead_filters


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


@pytest.mark.parametrize("head", ["penultimate", "pooled"])
def test_without_its_dead_filters_the_network_is_the_same(golden, head):
    def network(n_timbral: tuple[int, ...], n_temporal: tuple[int, ...]) -> Parts:
        config = MusiCNNConfig(n_timbral, n_temporal, n_midend=8, n_penultimate=6, head=head)
        return Parts(inferring(MusiCNN(config, (187, 96), 3, rngs=nnx.Rngs(0))))

    rng, full = np.random.default_rng(0), network((5, 4), (2, 3, 2))
    shapes = {name: variable.get_value().shape for name, variable in full.variables.items()}
    weights = {name: rng.uniform(0.5, 1.5, shape).astype(np.float32) for name, shape in shapes.items()}
    for name in weights:
        if "kernel" in name:
            weights[name] *= rng.choice([-1, 1], shapes[name])
    for block, dead in enumerate(([1, 3], [0], [1], [0, 2], [])):
        name = f"front.{block}"
        weights[f"{name}.conv.kernel"][..., dead] = 1e-12
        for part in ("conv.bias", "norm.mean", "norm.bias"):
            weights[f"{name}.{part}"][dead] = 1e-6
    weights["pooled_norm.var"][:] = 1e-3  # a constant that is not taken over would be seen
    smaller = without_dead_filters(weights)
    frames = features(jnp.asarray(golden["waveform"][:1]), LogMelConfig())
    whole = full.together(weights)(frames)
    np.testing.assert_allclose(network((3, 3), (1, 1, 2)).together(smaller)(frames), whole, rtol=1e-4)


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
