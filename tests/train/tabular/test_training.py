import dataclasses
import itertools
import json

import numpy as np
import pytest
from flax import nnx

import genrestream
from genrestream.errors import UsageError
from genrestream.features.tabular.columns import COLUMNS
from genrestream.models import MLP, MLPConfig
from tests.conftest import encode, music
from train.augment.config import OFF
from train.data.load import load
from train.data.splits import Split
from train.data.tracks import DataConfig, Track
from train.loop.loop import LoopConfig
from train.loop.run import run
from train.study.classical.families import FAMILIES, pipeline
from train.tabular.table import save_table
from train.tabular.training import PRESETS, TabularRunConfig, TabularTrainer, rows_by_track, standardise, standardised


def mlp(**fields) -> MLP:
    return MLP(MLPConfig(**fields), (57,), 10, rngs=nnx.Rngs(0))


@pytest.mark.parametrize(("preset", "n_units"), [("M1", (256, 128, 64)), ("M4", (1024, 512, 256, 128, 64))])
def test_presets_are_system_a(preset, n_units, tmp_path):
    config = TabularRunConfig(data=DataConfig(tmp_path), preset=preset)
    assert config.design.config.n_units == n_units
    assert config.rule.optimizer == PRESETS[preset].optimizer
    sizes = [57, *n_units, 10]
    kernels = [layer.kernel.get_value().shape for layer in mlp(n_units=n_units).dense.layers]
    assert kernels == list(itertools.pairwise(sizes))


def test_inputs_are_standardised_as_the_classical_classifiers_have_them():
    rng = np.random.default_rng(0)
    columns = np.exp(rng.normal(size=(200, 57)) + rng.normal(scale=5, size=57)).astype(np.float32)
    columns[:, ::3] -= np.median(columns[:, ::3], axis=0)
    module = mlp(n_units=(8,))
    standardise(module, columns)
    steps = pipeline(FAMILIES["MLP"], COLUMNS)[:-1].fit(columns)
    np.testing.assert_allclose(standardised(module, columns), steps.transform(columns), atol=2e-3)


@pytest.fixture
def songs(tmp_path):
    """Two genres of six short songs."""
    for genre, seed in (("high", 0), ("low", 100)):
        (tmp_path / "songs" / genre).mkdir(parents=True)
        for n in range(6):
            waveform = music(4, 22_050, seed=seed + n)
            waveform = np.diff(waveform, prepend=0) if genre == "high" else waveform
            encode(tmp_path / "songs" / genre / f"{genre}{n}.wav", waveform.astype(np.float32), 22_050, "pcm_s16le")
    return tmp_path


def config_of(folder, **fields) -> TabularRunConfig:
    data = DataConfig(folder / "songs", split="track", fold=0, n_folds=3, cache=folder / "cache")
    step = dataclasses.replace(TabularRunConfig.step, batch_size=8, learning_rate=0.01)
    loop = LoopConfig(n_epochs=8)
    return TabularRunConfig(data=data, output=folder / "run", step=step, loop=loop, **fields)


def test_training_learns_what_is_plain_and_the_model_streams(songs):
    run(config_of(songs, n_copies=1, model=MLPConfig((32,))), TabularTrainer())
    last = json.loads((songs / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["val_accuracy"] == 1
    model = genrestream.load(songs / "run" / "model")
    assert model.classify(songs / "songs" / "high" / "high0.wav").final.probs.keys() == {"high", "low"}


def test_a_copy_of_a_chunk_is_as_loud_as_it(songs):
    split, cache = load(config_of(songs).data, 22_050)
    louder = dataclasses.replace(OFF, gain_db=20)
    rows = TabularTrainer().rows(split.train[:1], split.genres, cache, 3.0, [OFF, louder]).columns
    np.testing.assert_allclose(*np.split(rows, 2), rtol=1e-2, atol=1e-3)


def test_a_model_of_a_table_has_no_loudness(tmp_path):
    config = TabularRunConfig(data=DataConfig(tmp_path))
    assert config.design.frontend.level
    assert not dataclasses.replace(config, table=tmp_path / "table.csv").design.frontend.level


def test_silent_rows_of_a_table_weigh_nothing(tmp_path):
    values = np.ones((2, 57))
    values[1, COLUMNS.index("rms_mean")] = 1e-4
    names = ["rock.00000", "rock.00001"]
    save_table(tmp_path / "table.csv", COLUMNS, values, [f"{name}.0.wav" for name in names], ["rock", "rock"])
    rows = rows_by_track(
        tmp_path / "table.csv", Split([Track(name, tmp_path, "rock") for name in names], [], [], ("rock",))
    )
    assert [weights.tolist() for _, weights in rows.values()] == [[1], [0]]


@pytest.mark.parametrize(("field", "value"), [("train_hop_s", 0.0), ("n_copies", -1)])
def test_what_cannot_be_is_refused(field, value, tmp_path):
    with pytest.raises(UsageError, match=f"--{field.replace('_', '-')} {value}: must"):
        TabularRunConfig(data=DataConfig(tmp_path), **{field: value})


def test_a_table_that_lacks_a_track_is_named(songs):
    save_table(songs / "table.npz", COLUMNS, np.ones((1, 57)), ["high0.0.wav"], ["high"])
    with pytest.raises(UsageError, match=r"table.npz: has no row of \S+; write it again"):
        run(config_of(songs, table=songs / "table.npz"), TabularTrainer())
