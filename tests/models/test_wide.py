"""The model that reads a tree of genres off YAMNet's classes."""

import csv
import dataclasses
import io

import jax.numpy as jnp
import numpy as np
import pytest

import genrestream
from genrestream.cli.main import main
from genrestream.errors import CheckpointError, UsageError
from genrestream.features.frontend import features
from genrestream.inference.checkpoint import read
from genrestream.inference.network import abstract_module, bind, load_weights
from genrestream.inference.shipped import find
from genrestream.inference.weights import files_of
from genrestream.models import YAMNetConfig
from tests.conftest import EXAMPLES, METAL, music


@pytest.fixture(scope="module")
def wide(cache):
    return genrestream.load("wide")


def test_its_outputs_are_yamnets_classes():
    own, yamnet = read(find("wide")), read(find("yamnet"))
    weights = load_weights(own)
    inputs = features(jnp.asarray(music(3)), yamnet.card.frontend)
    outputs, logits = (np.asarray(bind(model.card)(weights)(inputs))[0] for model in (own, yamnet))
    of_class = dict(zip(yamnet.card.labels, logits, strict=True))
    of_output = dict(zip((*own.card.labels, *own.card.states), outputs, strict=True))
    for label, name in {"punk": "Punk rock", "rock": "Rock music", "gospel": "Gospel music"}.items():
        assert of_output[label] == of_class[name]
    assert of_output["music"] == of_class["Music"]
    assert of_output["speech"] == max(of_class[name] for name in ("Speech", "Conversation", "Speech synthesizer"))
    assert of_output["noise"] >= max(of_class[name] for name in ("White noise", "Dog", "Engine"))


def test_it_takes_next_to_no_space():
    assert sum(file.stat().st_size for file in files_of(find("wide"))) < 100_000
    assert read(find("wide")).weights == find("yamnet") / "weights"


def test_its_tree_covers_what_is_asked_of_it(wide):
    paths = wide.card.paths
    assert {"rock › punk", "rock › grunge", "rock › progressive", "electronic › house", "electronic › techno"} <= {
        *paths
    }
    assert {"electronic › drum and bass", "electronic › dubstep", "electronic › trance", "electronic › ambient"} <= {
        *paths
    }
    assert {"soul", "funk", "R&B", "folk", "Christian › gospel", "flamenco", "Latin"} <= {*paths}
    assert wide.card.thresholds.keys() == {*wide.card.labels}


@pytest.mark.parametrize("gain_db", [0, -35])
def test_metal_is_rock(wide, gain_db):
    from genrestream.audio.source import AudioSource

    session = wide.session()
    with AudioSource(METAL) as source:
        for block, sample_rate in source:
            session.push_block(np.float32(10 ** (gain_db / 20)) * block, sample_rate)
    session.flush()
    assert session.verdict().genre.startswith("rock")


def test_noise_has_no_genre(wide):
    session = wide.session()
    noise = np.random.default_rng(0).normal(scale=0.1, size=6 * 16_000)
    assert {prediction.kind for prediction in session.push(noise, 16_000)} == {"noise"}
    assert session.verdict().genre == "noise"


def test_records_and_text_show_paths(wide, capsys):
    assert main(["file", str(METAL), "--model", "wide", "--min-probability", "0.1", "--format", "csv"]) == 0
    *_, verdict = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert "rock › metal" in verdict["genre"].split(" + ")
    assert "rock" not in verdict["genre"].split(" + ")
    assert 0.1 <= float(verdict["p:rock › metal"]) <= float(verdict["p:rock"])
    assert main(["file", str(METAL), "--model", "wide", "--min-probability", "0.1"]) == 0
    assert "rock › metal 0." in capsys.readouterr().out.splitlines()[-1]


def test_segments_name_the_parent_whose_probability_is_the_larger(wide):
    genres = {segment.genre for segment in wide.segments(EXAMPLES / "metal.ogg")}
    assert genres <= {"rock", "noise"}


def test_models_shows_tree_and_thresholds(capsys):
    assert main(["models", "wide"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  punk: rock" in lines
    assert "weights_of: yamnet" in lines
    assert any(line.startswith("  punk: 0.") for line in lines)


@pytest.mark.parametrize("outputs", [((),), ((521,),), ((-1,),), ((0,), (0, True))])
def test_an_output_must_be_classes(outputs):
    with pytest.raises(UsageError, match="must be numbers of classes, from 0 to 520"):
        YAMNetConfig(outputs)


@pytest.mark.parametrize("outputs", [5, [5], [["x"]], [[0]], [[521]] * 52, [[0] * 522] * 52])
def test_a_strange_card_is_one_line(outputs):
    card = dataclasses.replace(read(find("wide")).card, model_config={"outputs": outputs})
    with pytest.raises(CheckpointError, match="wide: yamnet cannot be built from its config"):
        abstract_module(card)
