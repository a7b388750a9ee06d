import dataclasses
import os
import subprocess
import sys
from typing import Any

import jax
import numpy as np
import pytest
from flax import nnx

from genrestream.errors import UsageError
from genrestream.features.config import LogMelConfig, MfccConfig
from genrestream.inference import checkpoint
from genrestream.inference.network import inferring, logits_function
from genrestream.models import CNNConfig, CNNLSTMConfig, CRNNConfig, MusiCNNConfig, TransformerConfig
from tests.conftest import ROOT, music
from train.augment.config import OFF, AugmentConfig
from train.loop.config import Design
from train.loop.optimizer import StepConfig
from train.loop.step import Network, Step, in_steps

SMALL = LogMelConfig(n_samples=16_000, n_frames=62)
QUARTER = LogMelConfig(n_samples=4_000, n_frames=15).causal_by(8)
DESIGNS = {
    "cnn": Design("cnn", CNNConfig(n_filters=(8, 16)), SMALL),
    "cnn of system E": Design("cnn", CNNConfig((8, 8, 8), residual=False, n_units=(32, 16)), SMALL),
    "crnn": Design("crnn", CRNNConfig(n_filters=(8, 8, 8, 8, 8), n_units=16), SMALL),
    "cnn_lstm": Design("cnn_lstm", CNNLSTMConfig(n_units=32), MfccConfig(n_samples=16_000, n_frames=62)),
    "transformer": Design(
        "transformer", TransformerConfig(patch_frames=16, n_units=16, n_layers=2, n_heads=2, n_hidden=32), SMALL
    ),
    "crnn, stateful": Design("crnn", CRNNConfig((8, 8, 8, 8, 8), n_units=16, stateful=True), QUARTER),
    "transformer, stateful": Design(
        "transformer",
        TransformerConfig(n_units=16, n_layers=2, n_heads=2, n_hidden=32, stateful=True, n_columns=4),
        QUARTER,
    ),
    "musicnn": Design("musicnn", MusiCNNConfig((8, 8), (4, 4, 4), n_midend=16, n_penultimate=16), SMALL),
}
N_CLASSES = 4


def batch(n=8, seed=0):
    waveforms = np.concatenate([music(1, seed=seed * 100 + number) for number in range(n)])
    return {"inputs": waveforms, "label": np.arange(n, dtype=np.int32) % N_CLASSES, "weight": np.ones(n, np.float32)}


def example_of(design):
    """The front end of a second: of one chunk, or of four."""
    return design.frontend.times(4) if design.is_stateful else design.frontend


def step_of(design=DESIGNS["cnn"], augment=OFF, n_steps=100, **fields):
    config = StepConfig(batch_size=8, **fields)
    return Step(design.network(N_CLASSES, seed=0), example_of(design), N_CLASSES, augment, config, n_steps)


def without_dropout(design):
    rates = {field.name: 0.0 for field in dataclasses.fields(design.config) if isinstance(field.default, float)}
    return dataclasses.replace(design, config=dataclasses.replace(design.config, **rates))


def after(step, n_steps, batches=1):
    state, figures = step.start(), {}
    for number in range(n_steps):
        state, figures = step.train(state, step.to_devices(batch(seed=number % batches)))
    return state, figures


@pytest.mark.parametrize("name", DESIGNS)
def test_one_batch_is_learnt_by_heart(name):
    """Dropout off: what is asked is whether the gradient reaches everything, not whether it generalises."""
    state, figures = after(
        step_of(without_dropout(DESIGNS[name]), learning_rate=5e-3, label_smoothing=0.0, weight_decay=0.0, n_steps=60),
        60,
    )
    assert figures["accuracy"] == 1
    assert figures["loss"] < 0.5 * np.log(N_CLASSES)
    assert int(state.step) == 60


@pytest.mark.parametrize(
    ("optimizer", "compute"),
    [("adamw", "float32"), ("adamw", "bfloat16"), ("adam", "float32"), ("sgd", "float32"), ("rmsprop", "float32")],
)
def test_every_optimizer_lowers_the_loss(optimizer, compute):
    rate = {"sgd": 0.05}.get(optimizer, 5e-3)
    config = {"optimizer": optimizer, "compute": compute, "learning_rate": rate, "label_smoothing": 0.0, "n_steps": 40}
    step = step_of(without_dropout(DESIGNS["cnn"]), **config)
    first, last = after(step, 1)[1]["loss"], after(step, 40)[1]["loss"]
    assert last < 0.9 * first
    assert all(array.dtype == np.float32 for array in step.start().params.values())


@pytest.mark.parametrize("frozen", [(), ("input_norm", "blocks.0", "front")], ids=["all", "frozen"])
@pytest.mark.parametrize("name", DESIGNS)
def test_bfloat16_goes_through_to_the_logits(name, frozen):
    """A layer that answered in float32 would make all after it compute in float32."""
    seen = []

    def forward(module, x):
        seen.append(module(x))
        return seen[-1]

    design = DESIGNS[name]
    network = Network(design.module(N_CLASSES, seed=0), lambda name: name.startswith(frozen), forward)
    config = StepConfig(batch_size=8, compute="bfloat16")
    step = Step(network, example_of(design), N_CLASSES, config=config, n_steps=100)
    before = step.start()
    trained, figures = step.train(step.start(), step.to_devices(batch()))
    assert seen[-1].dtype == jax.numpy.bfloat16
    assert np.isfinite(figures["loss"])
    assert all(array.dtype == np.float32 for array in step.weights(trained).values())
    for unchanged in network.frozen:
        np.testing.assert_array_equal(trained.statistics[unchanged], before.statistics[unchanged])


def test_gradients_are_averaged_over_accumulated_steps():
    """Two equal batches for each change are as one; the state between does not change."""
    one = step_of(without_dropout(DESIGNS["cnn"]), n_steps=100)
    two = step_of(without_dropout(DESIGNS["cnn"]), n_steps=200, accumulate=2)
    name = "dense.layers.0.kernel"
    np.testing.assert_allclose(after(two, 8)[0].params[name], after(one, 4)[0].params[name], atol=1e-6)
    np.testing.assert_array_equal(after(two, 9)[0].params[name], after(two, 8)[0].params[name])
    assert after(two, 9)[1]["learning_rate"] == pytest.approx(float(after(one, 5)[1]["learning_rate"]))


def test_only_matrices_and_filters_decay():
    """With a gradient of nearly nothing, decay alone changes the weights."""
    fields: dict[str, Any] = {"learning_rate": 1e-2, "weight_decay": 10.0, "warmup": 0.01, "clip_norm": 1e-12}
    before, trained = step_of(**fields).start().params, after(step_of(**fields), 3)[0].params
    sizes = {name: float(np.linalg.norm(trained[name]) / np.linalg.norm(before[name])) for name in before
             if np.linalg.norm(before[name])}  # fmt: skip
    decayed = {name for name, size in sizes.items() if size < 0.95}
    assert decayed == {name for name in sizes if before[name].ndim > 1}


def test_the_average_follows_faster_at_first():
    """The decay rises from 1/10 to its value, so that the initial weights are soon forgotten."""
    step, name = step_of(average_decay=0.999), "dense.layers.0.kernel"
    state = step.start()
    kept = np.asarray(state.average[name])
    for number in range(4):
        state, _ = step.train(state, step.to_devices(batch(seed=number)))
        decay = (1 + number) / (10 + number)
        kept = decay * kept + (1 - decay) * np.asarray(state.params[name])
        np.testing.assert_allclose(state.average[name], kept, atol=1e-6)


def test_what_is_frozen_stays():
    name = "blocks.0.conv.kernel"
    network = Network(DESIGNS["cnn"].module(N_CLASSES, seed=0), frozen=lambda name: name.startswith("blocks.0"))
    step = Step(network, SMALL, N_CLASSES, config=StepConfig(batch_size=8))
    before = step.start()
    state, _ = after(step, 2)
    assert not any(name.startswith("blocks.0") for name in state.params)
    np.testing.assert_array_equal(state.statistics[name], before.statistics[name])
    assert (state.params["dense.layers.0.kernel"] != before.params["dense.layers.0.kernel"]).any()


def test_the_average_is_what_is_scored():
    step = step_of(average_decay=0.9)
    state, _ = after(step, 5)
    name = "dense.layers.0.kernel"
    assert (step.weights(state)[name] != state.params[name]).any()
    assert step_of(average_decay=0.0).weights(state)[name] is state.params[name]


def test_a_step_follows_from_its_seed():
    augment = AugmentConfig()
    one, same = after(step_of(augment=augment), 3)[1], after(step_of(augment=augment), 3)[1]
    assert one["loss"] == same["loss"]
    other = Step(
        Network(DESIGNS["cnn"].module(N_CLASSES, 0)), SMALL, N_CLASSES, augment, StepConfig(batch_size=8), 100, seed=1
    )
    assert after(other, 3)[1]["loss"] != one["loss"]


@pytest.mark.parametrize("augment", [OFF, AugmentConfig(mixup=1.0)], ids=["plain", "mixup"])
def test_examples_of_no_weight_do_not_count(augment):
    step = step_of(augment=augment, label_smoothing=0.0)
    whole = batch()
    silent = whole | {"weight": np.array([1, 1, 1, 1, 0, 0, 0, 0], np.float32)}
    wrong = silent | {"label": np.where(silent["weight"] > 0, silent["label"], 3 - silent["label"])}
    losses = [step.train(step.start(), step.to_devices(one))[1]["loss"] for one in (silent, wrong)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("name", ["crnn", "crnn, stateful"])
def test_inference_equals_the_stream(name):
    """What is validated is what ``genrestream file`` computes from the exported weights, at the example's end."""
    design = DESIGNS[name]
    step = step_of(design)
    weights = step.weights(after(step, 2)[0])
    card = checkpoint.Card(
        "test",
        design.model,
        dataclasses.asdict(design.config),
        example_of(design),
        tuple("abcd"),
        False,
        1.0,
        0.5,
        {},
        {},
    )
    examples = step.to_all_devices(batch())
    logits = logits_function(card)(weights, examples["inputs"])
    np.testing.assert_allclose(step.probs(weights, examples), jax.nn.softmax(logits), atol=1e-6)


def test_the_state_goes_from_chunk_to_chunk_and_the_gradient_does_not():
    design = DESIGNS["crnn, stateful"]
    module, n_frames = inferring(design.module(N_CLASSES, seed=0)), QUARTER.n_frames
    x = jax.random.normal(jax.random.key(0), (1, 3 * n_frames, QUARTER.n_mels))

    @jax.jit
    def last(x):
        return in_steps(n_frames)(module, x)[:, -1]

    np.testing.assert_allclose(last(x), module(x), atol=1e-5)
    slope = jax.jit(jax.grad(lambda x: (last(x) ** 2).sum()))(x)
    assert not slope[:, : 2 * n_frames].any()
    assert slope[:, 2 * n_frames :].any()
    assert np.abs(last(x) - last(x.at[:, :n_frames].add(1.0))).max() > 1e-3


@pytest.mark.parametrize(
    "wrong", [{"batch_size": 0}, {"learning_rate": 0.0}, {"warmup": 1.0}, {"clip_norm": -1.0}, {"weight_decay": -0.1}]
)
def test_impossible_configs_are_refused(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong)).replace("_", "-")):
        StepConfig(**wrong)


def test_a_config_that_does_not_fit_the_front_end():
    with pytest.raises(UsageError, match="cnn: an input of 62 frames and 96 mel bands cannot be halved"):
        Design("cnn", CNNConfig(n_filters=(8,) * 7), SMALL).module(N_CLASSES, 0)


ON_EIGHT = """
import sys, numpy as np, jax
from tests.train.loop.test_step import after, step_of
assert jax.device_count() == 8
state, figures = after(step_of(state=sys.argv[2]), 3, batches=3)
np.savez(sys.argv[1], loss=figures["loss"], **state.params)
"""


@pytest.mark.parametrize("layout", ["replicated", "sharded"])
def test_eight_devices_are_as_one(tmp_path, layout):
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    run = [sys.executable, "-c", ON_EIGHT, str(tmp_path / "eight.npz"), layout]
    subprocess.run(run, check=True, cwd=ROOT, env=environment, timeout=300)
    state, figures = after(step_of(), 3, batches=3)
    with np.load(tmp_path / "eight.npz") as eight:
        np.testing.assert_allclose(eight["loss"], figures["loss"], rtol=1e-4)
        for name, array in state.params.items():
            np.testing.assert_allclose(eight[name], array, atol=2e-4, err_msg=name)


NO_LOOP_EXCHANGES = """
import sys
from tests.train.loop.test_step import DESIGNS, AugmentConfig, batch, step_of
for layout in ("replicated", "sharded"):
    step = step_of(DESIGNS[sys.argv[1]], AugmentConfig(), state=layout)
    program = step.train.lower(step.start(), step.to_devices(batch())).compile().as_text()
    outside, entry = program.split("\\nENTRY ")
    for exchange in (" all-reduce(", " all-gather(", " all-to-all(", " reduce-scatter(", " collective-permute("):
        assert exchange not in outside, (layout, exchange)
    assert " all-reduce(" in entry
"""


@pytest.mark.parametrize("name", ["cnn", "crnn", "cnn_lstm", "transformer"])
def test_devices_exchange_nothing_inside_loops(name):
    """XLA's CPU devices would now and then wait for each other without end, and abort the process."""
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    subprocess.run([sys.executable, "-c", NO_LOOP_EXCHANGES, name], check=True, cwd=ROOT, env=environment, timeout=300)


def test_a_module_is_not_spoilt_by_training():
    module = DESIGNS["cnn"].module(N_CLASSES, seed=0)
    before = jax.tree.map(np.array, nnx.to_pure_dict(nnx.state(module, nnx.Param)))
    after(Step(Network(module), SMALL, N_CLASSES, config=StepConfig(batch_size=8)), 1)
    jax.tree.map(np.testing.assert_array_equal, before, nnx.to_pure_dict(nnx.state(module, nnx.Param)))
