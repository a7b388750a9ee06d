import dataclasses
import sys

import numpy as np
import pytest

from genrestream.api import Classifier
from genrestream.errors import UsageError
from genrestream.inference.checkpoint import read as read_model
from tests.conftest import music
from tests.made_up import labelled, run, stateful
from train.data.readers.folders import read
from train.evaluation.runs import find_system
from train.study.answers import alone, mislabelled, paired

FOLDS = [["blues-0", "metal-0"], ["blues-1", "metal-1"]]


def test_a_sure_disagreement_is_listed_first_and_doubt_is_not():
    sure = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.1, 0.9]])
    odd = np.array([[0.05, 0.95], [0.35, 0.65], [0.48, 0.52]])
    labels = np.array([0, 0, 1, 1, 0, 0, 0])
    places, answers = mislabelled.disagreements(np.concatenate([sure, odd]), labels)
    assert places.tolist() == [4]
    assert answers.tolist() == [1]
    places, answers = mislabelled.disagreements(np.concatenate([sure, odd[::-1]]), np.array([0, 1, 1, 1, 0, 0, 0]))
    assert places.tolist() == [6, 1]
    assert answers.tolist() == [1, 0]


def test_a_genre_without_tracks_is_no_answer():
    assert not len(mislabelled.disagreements(np.array([[0.1, 0.9], [0.2, 0.8]]), np.array([0, 0]))[0])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return labelled(tmp_path_factory.mktemp("data"), ("blues", "metal"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return run(folder / "one", "one", FOLDS), run(folder / "all-blues", "all-blues", FOLDS, shift=1e6)


def test_the_list_is_written(data, runs, tmp_path, monkeypatch, capsys):
    listed = tmp_path / "list.md"
    monkeypatch.setattr(sys, "argv", ["mislabelled", str(runs[1]), "--data", str(data), "--output", str(listed)])
    mislabelled.main()
    assert "of 4 tracks" in capsys.readouterr().out
    assert listed.read_text().startswith("| artist | track | label | answer |")


def test_two_runs_are_compared_by_dataset(data, runs, monkeypatch, capsys):
    both = [str(runs[1]), str(runs[1])]
    monkeypatch.setattr(sys, "argv", ["paired", *both, "--data", str(data), "--seconds", "3", "6"])
    paired.main()
    for line, after in zip(capsys.readouterr().out.splitlines()[2:5], ("all", "3 s", "6 s"), strict=True):
        row = line.split(" | ")
        assert row[1:3] == [after, "4"]
        assert row[3] == row[4]
        assert row[3].startswith("0.500 [")
        assert row[-1] == "1 |"


def test_a_fold_that_may_know_a_track_or_its_artist_is_refused(data, runs):
    tracks = read(data).tracks
    first, second = (find_system(str(one), tracks).seeds[0] for one in runs)
    assert [len(part.tracks) for part in paired.on_the_same_tracks(first, second, tracks)] == [2, 2]
    with pytest.raises(UsageError, match=r"blues-1: .*fold0.* may have learnt from it or its artist"):
        paired.on_the_same_tracks(first[::-1], second, tracks)
    with pytest.raises(UsageError, match="2 and 1 folds"):
        paired.on_the_same_tracks(first, second[:1], tracks)
    same = tuple(dataclasses.replace(track, artist="The Band") for track in tracks)
    by_name = {track.name: track for track in same}
    apart = tuple(dataclasses.replace(part, tracks=tuple(by_name[t.name] for t in part.tracks)) for part in first)
    with pytest.raises(UsageError, match="may have learnt from it or its artist"):
        paired.on_the_same_tracks(apart, apart, same)


def test_the_state_of_a_model_is_compared_with_none(tmp_path, monkeypatch, capsys):
    data = labelled(tmp_path / "data", ("blues", "rock"), seconds=10.0)
    held_out = {"held_out": ["blues-0", "rock-0", "blues-1", "rock-1"]}
    model = stateful(tmp_path / "run" / "fold0" / "model", provenance=held_out)
    arguments = [str(tmp_path / "run"), "--data", str(data), "--seconds", "3", "9"]
    monkeypatch.setattr(sys, "argv", ["alone", *arguments])
    alone.main()
    assert [line.split(" | ")[1] for line in capsys.readouterr().out.splitlines()[2:5]] == ["4", "4", "4"]
    samples = music(9, 12_000)[0]
    first, *rest = ([one.probs for one in loaded.stream(samples, sample_rate=12_000)] for loaded in
                    (alone.Forgetful(read_model(model)), Classifier(read_model(model))))  # fmt: skip
    assert first[0] == rest[0][0]
    assert first[1] != rest[0][1]
