import dataclasses
import json
import shutil

import numpy as np
import pytest

from genrestream.errors import CheckpointError, UsageError
from genrestream.inference import checkpoint, shipped
from genrestream.inference.network import load_weights

TAGS = shipped.find("musicnn-tags")


@pytest.fixture
def folder(tmp_path):
    """A copy of a shipped model to spoil."""
    return shutil.copytree(TAGS, tmp_path / "copy")


def change(folder, **fields):
    card = json.loads((folder / "checkpoint.json").read_text())
    (folder / "checkpoint.json").write_text(json.dumps(card | fields))


def test_what_is_written_is_read(tmp_path):
    model = checkpoint.read(TAGS)
    weights = load_weights(model)
    card = dataclasses.replace(model.card, name="mine", temperature=1.5, metrics={"accuracy": 0.5})
    checkpoint.write(tmp_path / "mine", card, weights, TAGS.glob("LICENSE*"))
    again = checkpoint.read(tmp_path / "mine")
    assert dataclasses.replace(again.card, weights_sha256="") == dataclasses.replace(card, weights_sha256="")
    assert (tmp_path / "mine" / "LICENSE-musicnn.txt").is_file()
    for name, array in load_weights(again).items():
        np.testing.assert_array_equal(array, weights[name])


def test_writing_again_replaces_the_whole_folder(folder):
    model = checkpoint.read(folder)
    (folder / "stale").touch()
    checkpoint.write(folder, model.card, load_weights(model))
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint.json", "weights"]
    assert not list(folder.parent.glob(".*"))


def test_shipped_models_are_found_by_name_and_by_path():
    assert {"musicnn", "musicnn-tags"} <= set(shipped.names())
    for name in shipped.names():
        card = checkpoint.read(shipped.find(name)).card
        assert card.name == name
        assert card.provenance["licence"]
        assert shipped.find(shipped.find(name)) == shipped.find(name)


def test_the_genre_model_says_what_it_was_measured_at():
    metrics = checkpoint.read(shipped.find("musicnn")).card.metrics
    assert metrics["artist_folds"]["accuracy"] >= 0.80
    assert metrics["artist_folds"]["calibration_error_track"] < 0.1


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "checkpoint.json").unlink(), "it has no checkpoint.json"),
        (lambda folder: (folder / "checkpoint.json").write_text("{"), "cannot be read as JSON"),
        (lambda folder: (folder / "checkpoint.json").write_bytes(b"\xff\xfe\x00"), "cannot be read as JSON"),
        (lambda folder: (folder / "checkpoint.json").write_text("[1]"), "no integer 'format'"),
        (lambda folder: (folder / "checkpoint.json").write_text("[" * 100_000), "cannot be read as JSON"),
        (lambda folder: change(folder, format=2), "format 2 is newer"),
        (lambda folder: change(folder, colour="red"), "colour"),
        (lambda folder: change(folder, temperature=0), "temperature=0"),
        (lambda folder: change(folder, min_probability="x"), "min_probability|not supported"),
        (lambda folder: change(folder, labels=["rock", "\x1b[2J"]), "labels must be printable"),
        (lambda folder: change(folder, frontend={"n_samples": 10**12}), "n_samples=1000000000000"),
        (lambda folder: change(folder, labels=["rock", "rock"]), "labels"),
        (lambda folder: change(folder, name="../../etc/x"), "name='../../etc/x' must be printable"),
        (lambda folder: change(folder, model=[]), "model must be a str"),
        (lambda folder: change(folder, model_config=[]), "model_config must be a dict"),
        (lambda folder: change(folder, provenance=[]), "provenance must be a dict"),
        (lambda folder: change(folder, frontend={"n_fft": 10**5, "n_mels": 10**5}), "n_fft . n_mels=10000000000"),
        (lambda folder: change(folder, frontend={"n_mels": -1}), "n_mels=-1"),
        (lambda folder: shutil.rmtree(folder / "weights"), "damaged or incomplete"),
        (lambda folder: next((folder / "weights").rglob("d/*")).unlink(), "damaged or incomplete"),
        (lambda folder: max((folder / "weights").rglob("d/*")).write_bytes(b"\0" * 99), "damaged or incomplete"),
    ],
)
def test_what_is_wrong_is_named(folder, spoil, said):
    spoil(folder)
    with pytest.raises(CheckpointError, match=said) as error:
        checkpoint.read(folder)
    assert str(folder) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"model": "resnet"}, "network 'resnet' is none of .*musicnn"),
        ({"model_config": {"depth": 3}}, "cannot be built from its config"),
        ({"labels": ["rock", "pop"]}, "weights are of another network, output.bias differs"),
        ({"model_config": {"n_timbral": 10**8}}, "n_timbral=100000000 must be positive and at most"),
        ({"model": "crnn", "model_config": {"pool_frames": [0, 2, 2, 1, 1]}}, "pool_frames=.* must be positive"),
        ({"model": "crnn", "model_config": {"n_layers": 10**9}}, "n_layers=1000000000 must be .* at most 16"),
        ({"model": "cnn", "model_config": {"n_filters": []}}, r"n_filters=\(\) must be 1 to 16 sizes"),
        ({"model": "cnn", "model_config": {"dropout": 1.0}}, "dropout=1.0 must be at least 0 and below 1"),
        ({"model_config": {"n_midend": 10**5}}, "more than 1,000,000,000 parameters"),
    ],
)
def test_weights_of_another_network_are_refused(folder, fields, said):
    change(folder, **fields)
    with pytest.raises(CheckpointError, match=said):
        load_weights(checkpoint.read(folder))


def test_unknown_names_list_the_known_ones():
    with pytest.raises(UsageError, match=r"--model polka: no such model; choose one of .*musicnn"):
        shipped.find("polka")
    with pytest.raises(CheckpointError, match="no such model folder"):
        shipped.find("./polka")


def test_a_path_cannot_climb_out_of_the_shipped_models():
    with pytest.raises(CheckpointError, match="no such model folder"):
        shipped.find("../musicnn-nothing")
