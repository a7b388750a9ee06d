"""Pre-training by masked patches, and the training that starts from it."""

import dataclasses
from pathlib import Path

import jax
import numpy as np
import pytest
from flax import nnx

from genrestream.errors import UsageError
from genrestream.features.config import LogMelConfig
from genrestream.models.transformer import Transformer, TransformerConfig
from tests.models.test_models import some
from train import transformer
from train.augment.config import OFF
from train.data.load import load
from train.data.tracks import DataConfig
from train.loop.loop import LoopConfig
from train.loop.optimizer import StepConfig
from train.loop.step import Network
from train.pretrain.encoder import FILE, TRACKS, PretrainConfig, pretrain
from train.pretrain.network import Masked, MaskedConfig, MaskedStep

FRONTEND = LogMelConfig(sample_rate=8_000, n_fft=256, hop_length=128, n_mels=16, n_samples=8_000, n_frames=62)
MODEL = TransformerConfig(
    n_units=16, n_layers=2, n_heads=2, n_hidden=32, dropout=0.0, patch_out=0.0, stochastic_depth=0.0
)


def masked(shape=(64, 16)):
    encoder = Transformer(MODEL, shape, 2, rngs=nnx.Rngs(0))
    return Masked(MaskedConfig(masked=0.5, n_decoder_units=16), encoder, nnx.Rngs(1))


def losses_after(n_steps, log_mel):
    step = MaskedStep(Network(masked()), None, 2, OFF, StepConfig(batch_size=len(log_mel), learning_rate=1e-2), n_steps)
    batch = step.to_devices(
        {"inputs": log_mel, "label": np.zeros(len(log_mel), np.int32), "weight": np.ones(len(log_mel), np.float32)}
    )
    state, figures, losses = step.start(), {}, []
    for _ in range(n_steps):
        state, figures = step.train(state, batch)
        losses.append(float(figures["loss"]))
    assert "accuracy" not in figures
    return losses


def test_what_repeats_is_predicted_and_noise_is_not():
    """Patches that are all alike can be told from the others; independent noise cannot, were it not seen by a leak."""
    rng = np.random.default_rng(0)
    alike = np.tile(rng.normal(size=(8, 8, 16)), (1, 8, 1)).astype(np.float32)
    assert np.mean(losses_after(80, alike)[-5:]) < 0.3
    noise = rng.normal(size=(8, 64, 16)).astype(np.float32)
    assert np.mean(losses_after(80, noise)[-5:]) > 0.6


def test_the_gradient_reaches_all_but_the_head():
    network, log_mel = Network(masked()), some(4, 64, 16)

    def loss(params):
        return network.train(params, network.statistics, log_mel, jax.random.key(0))[0].mean()

    gradients = jax.jit(jax.grad(loss))(network.params)
    still = {name for name, gradient in gradients.items() if not np.any(gradient)}
    assert still == {"encoder.output.kernel", "encoder.output.bias"}


@pytest.fixture(scope="module")
def config(data, tmp_path_factory):
    return PretrainConfig(
        output=tmp_path_factory.mktemp("pretrained"),
        data=DataConfig(data, split="track", n_folds=3, validate=False),
        model=MODEL,
        frontend=FRONTEND,
        augment=OFF,
        step=StepConfig(batch_size=8),
        loop=LoopConfig(n_epochs=1, log=()),
    )


@pytest.fixture(scope="module")
def pretrained(config):
    split, cache = load(config.data, FRONTEND.sample_rate)
    pretrain(config, split, cache, config.output)
    return config.output


def started(config, run, **changes):
    data = dataclasses.replace(config.data, **changes)
    fine = transformer.Config(data=data, model=MODEL, frontend=FRONTEND, init=run)
    return fine.network(load(data, FRONTEND.sample_rate)[0])


def test_a_training_starts_from_the_encoder_with_a_head_of_its_own(config, pretrained):
    scratch, network = started(config, None), started(config, pretrained)
    with np.load(pretrained / FILE, allow_pickle=False) as arrays:
        assert len(arrays[TRACKS]) == 8
        assert not [name for name in arrays if name.startswith("output.")]
        for name, array in (network.params | network.statistics).items():
            expected = arrays[name] if not name.startswith("output.") else scratch.params[name]
            np.testing.assert_array_equal(array, expected)
    assert (network.params["embed.kernel"] != scratch.params["embed.kernel"]).any()


def test_what_comes_next_starts_from_it_with_the_same_folds(config):
    same = f"train.transformer --data {config.data.data} --split track --fold 0 --no-validate --init runs/one"
    assert config.next_steps(Path("runs/one")) == [f"next: python -m {same}"]
    folds = dataclasses.replace(config, data=dataclasses.replace(config.data, data=Path("s3://bucket/x")), folds=True)
    (line,) = folds.next_steps(Path("runs/one/all"))
    assert line.endswith(" --data s3://bucket/x --split track --folds --no-validate --init runs/one")


def test_an_encoder_that_heard_a_held_out_track_is_refused(config, pretrained):
    with pytest.raises(UsageError, match=r"was trained on .*, which is held out here"):
        started(config, pretrained, fold=1)


def test_with_folds_each_starts_from_its_own(config, pretrained, tmp_path):
    (tmp_path / "fold0").mkdir()
    (tmp_path / "fold0" / FILE).write_bytes((pretrained / FILE).read_bytes())
    started(config, tmp_path)
    with pytest.raises(UsageError, match=r"encoder.npz: cannot be read .*python -m train.pretrain"):
        started(config, tmp_path, fold=1)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04"])
def test_a_damaged_encoder_is_refused(config, tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(UsageError, match="cannot be read"):
        started(config, tmp_path)


def test_an_encoder_of_other_sizes_is_refused(config, pretrained):
    wide = dataclasses.replace(MODEL, n_hidden=64)
    fine = transformer.Config(data=config.data, model=wide, frontend=FRONTEND, init=pretrained)
    with pytest.raises(UsageError, match="is of another network"):
        fine.network(load(config.data, FRONTEND.sample_rate)[0])
