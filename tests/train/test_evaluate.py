import itertools
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from genrestream.errors import CheckpointError, UsageError
from genrestream.inference.checkpoint import read as read_model
from genrestream.inference.shipped import find
from tests.conftest import ROOT
from tests.made_up import labelled, run
from train.augment.distort import DISTORTIONS
from train.data.readers.folders import read
from train.data.tracks import Track
from train.evaluate import Config, evaluate
from train.evaluation.report import plots
from train.evaluation.report.markdown import interval, p_value, table
from train.evaluation.runs import Part, find_system, key_of

CLASSES = ("blues", "classical", "metal")
FOLDS = [["blues-0", "classical-0", "metal-0"], ["blues-1", "classical-1", "metal-1"]]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return labelled(tmp_path_factory.mktemp("data"), CLASSES)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return run(folder / "one", "one", FOLDS), run(
        folder / "all-blues", "all-blues", [[*FOLDS[0], *FOLDS[1]]], shift=1e6
    )


@pytest.fixture(scope="module")
def tracks(data):
    return read(data).tracks


def test_the_report_of_two_runs(data, runs, tmp_path, model, capsys):
    config = Config(tuple(map(str, runs)), data, output=tmp_path, robustness_tracks=2)
    evaluate(config)
    assert f"one: {len(DISTORTIONS)} distortions of 2 tracks, about 0 minutes" in capsys.readouterr().out
    numbers = json.loads((tmp_path / "report.json").read_text())
    one, blues = numbers["systems"]["one"], numbers["systems"]["all-blues"]
    assert one["n_tracks"] == 6
    assert blues["track"]["accuracy"] == pytest.approx(1 / 3)
    right = [
        model.classify(data / name[:-2] / f"{name[-1]}.wav").final.leader == name[:-2]
        for name in itertools.chain(*FOLDS)
    ]
    assert one["track"]["accuracy"] == pytest.approx(np.mean(right))
    (pair,) = numbers["pairs"]
    assert (pair["first"], pair["second"], pair["n_tracks"]) == ("one", "all-blues", 6)
    assert one["robustness"]["noise_10"]["n_tracks"] == 2
    text = (tmp_path / "report.md").read_text()
    pictures = {line.split("(")[1].rstrip(")") for line in text.splitlines() if line.startswith("![")}
    assert pictures == {picture.name for picture in tmp_path.glob("*.png")}
    assert {"one_confusion.png", "one_learning.png", "one_reliability.png", "comparison.png"} <= pictures
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "scores").iterdir()}
    evaluate(config)
    assert before == {file: file.stat().st_mtime_ns for file in (tmp_path / "scores").iterdir()}, "scored once"


def test_a_run_may_hold_out_a_part_of_the_data(data, tmp_path):
    half = run(tmp_path / "half", "half", [["blues-1", "metal-0"]])
    evaluate(Config((str(half),), data, output=tmp_path / "report", robustness_tracks=0))
    numbers = json.loads((tmp_path / "report" / "report.json").read_text())
    assert [system["n_tracks"] for system in numbers["systems"].values()] == [2]


def test_each_fold_is_scored_on_what_it_held_out(runs, tracks):
    system = find_system(str(runs[0]), tracks)
    assert [[track.name for track in part.tracks] for part in system.seeds[0]] == FOLDS
    assert system.name == "one"
    assert not system.warning
    assert [len(curve) for curve in system.learning_curves()] == [3, 3], "a line cut by a kill is left out"


def test_scores_are_made_anew_for_a_changed_or_missing_track(tmp_path):
    file = tmp_path / "song.ogg"
    keys = [key_of([Part(read_model(find("musicnn")), (Track("song", file, "jazz"),))])]
    for content, time_ns in ((b"one", 1), (b"two", 2)):
        file.write_bytes(content)
        os.utime(file, ns=(time_ns, time_ns))
        keys.append(key_of([Part(read_model(find("musicnn")), (Track("song", file, "jazz"),))]))
    assert len(set(keys)) == 3


def test_seeds_are_runs_side_by_side(tracks, tmp_path):
    for seed in range(2):
        run(tmp_path / "both" / f"seed{seed}", "one", FOLDS)
    assert [len(seed) for seed in find_system(str(tmp_path / "both"), tracks).seeds] == [2, 2]


def test_pieces_of_tracks_may_be_held_out(tracks, tmp_path):
    (part,) = find_system(str(run(tmp_path / "parts", "parts", [["blues-0@3s"]])), tracks).seeds[0]
    (piece,) = part.tracks
    assert (piece.name, piece.genre, piece.start_s, piece.seconds) == ("blues-0@3s", "blues", 3.0, 3.0)


def test_a_model_that_says_nothing_is_scored_with_a_warning(tracks):
    with pytest.raises(UsageError, match="its card holds out no tracks; give --split"):
        find_system("musicnn", tracks)
    system = find_system("musicnn", tracks, "test")
    assert [track.name for track in system.seeds[0][0].tracks] == FOLDS[1]
    assert "far too high" in system.warning
    assert len(find_system("musicnn", tracks, "all").seeds[0][0].tracks) == 6


@pytest.mark.parametrize(("split", "n_heard"), [("held-out", 0), ("test", 0), ("train", 3), ("all", 3)])
def test_a_model_is_scored_on_what_it_was_trained_on_with_a_warning(tracks, tmp_path, split, n_heard):
    warning = find_system(str(run(tmp_path / "one", "one", FOLDS[1:])), tracks, split).warning
    assert warning.count(f"does not hold out {n_heard} of these tracks, such as blues-0") == bool(n_heard)


def test_an_unfinished_run_is_scored_with_a_warning(tracks, tmp_path):
    folder = run(tmp_path / "half", "half", FOLDS[:1], n_folds=3)
    (folder / "fold3").mkdir()
    assert "no model in fold1, fold2, fold3," in find_system(str(folder), tracks).warning


def test_wrong_runs_are_refused(tracks, runs, tmp_path):
    with pytest.raises(UsageError, match="holds out are missing, such as nobody"):
        find_system(str(run(tmp_path / "strange", "strange", [["blues-0", "nobody"]])), tracks)
    with pytest.raises(UsageError, match="blues-0: is held out by two folds"):
        find_system(str(run(tmp_path / "twice", "twice", [FOLDS[0], FOLDS[0][:1]])), tracks)
    with pytest.raises(CheckpointError, match="no such model folder"):
        find_system(str(tmp_path / "nothing"), tracks)
    (tmp_path / "half" / "seed0").mkdir(parents=True)
    with pytest.raises(CheckpointError, match="a seed has no fold"):
        find_system(str(tmp_path / "half"), tracks)
    with pytest.raises(UsageError, match="--split validation: the data has no such tracks"):
        find_system("musicnn", tracks, "validation")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"checkpoints": ()}, "no checkpoint"),
        ({"robustness_tracks": -1}, "--robustness-tracks -1"),
        ({"seed": -1}, "--seed -1"),
    ],
)
def test_impossible_options_are_refused(data, wrong, said):
    with pytest.raises(UsageError, match=said):
        Config(**{"checkpoints": ("musicnn",), "data": data} | wrong)


def test_the_command_reports_errors_in_a_line(tmp_path):
    line = [sys.executable, "-m", "train.evaluate", "musicnn", "--data", str(tmp_path / "none")]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "none: is not a folder" in done.stderr


@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_curves_are_drawn_for_any_number_of_genres(tmp_path, n_classes):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % n_classes
    probs = rng.dirichlet(np.ones(n_classes), 60)
    names = [f"genre{n}" for n in range(n_classes)]
    plots.roc(tmp_path / "roc.png", probs, labels, names, [0.5] * n_classes, "model")
    plots.precision_recall(tmp_path / "pr.png", probs, labels, names, [None] * n_classes, "model")
    assert (tmp_path / "roc.png").stat().st_size > 1000 < (tmp_path / "pr.png").stat().st_size


def test_without_figures_there_is_no_learning_curve(tmp_path):
    assert not plots.learning_curves(tmp_path / "none.png", [[{"step": 1}]], "model")
    assert not (tmp_path / "none.png").exists()


def test_markdown():
    assert table(["a", "b"], [[1, "x"]]) == ["| a | b |", "| --- | --- |", "| 1 | x |", ""]
    assert interval((0.1234, 0.5)) == "[0.123, 0.500]"
    assert (p_value(0.00001), p_value(0.0123)) == ("< 0.0001", "0.012")
