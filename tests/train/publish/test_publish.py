import json

import pytest

import genrestream
from genrestream.errors import CheckpointError, UsageError
from genrestream.inference import checkpoint, shipped
from tests.conftest import METAL
from tests.made_up import run, scores
from train.evaluation.figures import assess, over_seeds
from train.publish import model_card
from train.publish.run import Config, publish, without_private_paths


@pytest.fixture
def finished(tmp_path):
    """A run with a model of everything, and the report of its folds."""
    folder = run(tmp_path / "net", "net", [["a"]])
    (folder / "fold0").rename(folder / "all")
    scored = scores(skill=1.0)
    figures = assess(scored) | {
        "seeds": over_seeds([scored]),
        "fit": {
            "used": {"temperature": [0.5, 0.6], "sharpness": [0.2, 0.3]},
            "is_cross_fitted": True,
            "of_all": {"temperature": 0.55556, "sharpness": 0.25},
        },
    }
    write(folder, figures)
    return folder, figures


def write(folder, figures):
    facts = {"command": "python -m train.evaluate", "commit": "abc"}
    (folder / "report").mkdir(exist_ok=True)
    (folder / "report" / "report.json").write_text(json.dumps({"facts": facts, "systems": {"net": figures}}))


def test_the_shipped_model_has_the_folds_figures_and_temperature(finished, tmp_path):
    folder, figures = finished
    publish(Config(folder, tmp_path / "checkpoints" / "mine"))
    model = genrestream.load(tmp_path / "checkpoints" / "mine")
    assert (model.card.name, model.card.temperature) == ("mine", 0.5556)
    metrics = model.card.metrics["unknown_folds"]
    assert metrics["accuracy"] == pytest.approx(figures["track"]["accuracy"], abs=1e-4)
    assert metrics["recall"].keys() == {"blues", "jazz", "rock"}
    assert model.card.provenance["evaluation_commit"] == "abc"
    assert model.classify(METAL).genre == "metal"
    readme = (tmp_path / "checkpoints" / "mine" / "README.md").read_text(encoding="utf-8")
    assert f"| track accuracy | {metrics['accuracy']:.3f} " in readme
    again = publish(Config(folder, tmp_path / "checkpoints" / "mine"))
    assert again.card.metrics == model.card.metrics, "it may be written again"


def test_what_was_not_scored_by_folds_is_not_published(finished, tmp_path):
    folder, figures = finished
    write(folder, figures | {"fit": figures["fit"] | {"is_cross_fitted": False}})
    with pytest.raises(UsageError, match="net was not scored by folds"):
        publish(Config(folder, tmp_path / "mine"))
    (folder / "report" / "report.json").unlink()
    with pytest.raises(UsageError, match=r"report\.json: cannot be read .* run python -m train\.evaluate"):
        publish(Config(folder, tmp_path / "mine"))


def test_folds_that_lack_tracks_are_not_published(finished, tmp_path):
    folder, figures = finished
    write(folder, figures)
    card = json.loads((folder / "all" / "model" / "checkpoint.json").read_text())
    card["provenance"]["n_training_tracks"] = figures["n_tracks"] + 1
    (folder / "all" / "model" / "checkpoint.json").write_text(json.dumps(card))
    with pytest.raises(UsageError, match=rf"scored on {figures['n_tracks']} of the {figures['n_tracks'] + 1} tracks"):
        publish(Config(folder, tmp_path / "mine"))


def test_another_runs_report_is_refused(finished, tmp_path):
    folder, figures = finished
    (folder / "report" / "report.json").write_text(json.dumps({"facts": {}, "systems": {"other": figures}}))
    with pytest.raises(UsageError, match="has no figures of net"):
        publish(Config(folder, tmp_path / "mine"))


def test_without_a_model_of_everything_there_is_nothing_to_publish(finished, tmp_path):
    folder, _ = finished
    (folder / "all").rename(folder / "fold0")
    with pytest.raises(CheckpointError, match="not a genrestream model"):
        publish(Config(folder, tmp_path / "mine"))


def test_a_large_model_is_not_shipped(finished, tmp_path, monkeypatch):
    monkeypatch.setattr("train.publish.run.MAX_BYTES", 1000)
    with pytest.raises(UsageError, match="MB of weights, at most"):
        publish(Config(finished[0], tmp_path / "mine"))


@pytest.mark.parametrize(
    ("command", "public"),
    [
        ("--data /home/me/gtzan --output runs/cnn", "--data gtzan --output runs/cnn"),
        ("--data ../shared/data/gtzan/ --table=/tmp/p/f3.csv", "--data gtzan --table=f3.csv"),
        (r"--data C:\Users\me\gtzan --output '~/a b'", r"--data gtzan --output 'a b'"),
        ("ISC and/or Apache-2.0, see https://pypi.org/project/musicnn/", None),
        ("3 s / chunk, -60 dB, runs/../x", None),
    ],
)
def test_a_card_has_no_private_path(command, public):
    assert without_private_paths({"a": [command]}) == {"a": [public or command]}


@pytest.mark.parametrize("name", shipped.names())
def test_a_shipped_model_has_its_card_and_no_private_path(name):
    model = checkpoint.read(shipped.find(name))
    assert (model.path / model_card.FILE).read_text(encoding="utf-8") == model_card.text(model.card)
    assert without_private_paths(model.card.provenance) == model.card.provenance
