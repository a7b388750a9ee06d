import shutil

import pytest

from tests.conftest import METAL
from train.data.tracks import Track
from train.evaluation.scoring import score
from train.study.elsewhere import by_genre, listed, songs


def test_the_list_names_each_song_once_with_a_genre_of_the_models_and_its_reason(model):
    rows = listed()
    assert len({(row["package"], row["file"]) for row in rows}) == len(rows) > 50
    assert {row["genre"] for row in rows} <= set(model.card.labels)
    assert all(row["label_from"].split(":")[0] in ("genre tag", "title", "file name", "band") for row in rows)
    assert not any(row["file"].startswith("/") or ".." in row["file"] for row in rows)


def test_songs_that_are_there_are_not_fetched(tmp_path):
    row = {"package": "no-such-package", "file": "usr/share/metal.ogg", "genre": "metal"}
    target = tmp_path / "no-such-package" / "usr" / "share" / "metal.ogg"
    target.parent.mkdir(parents=True)
    shutil.copy(METAL, target)
    assert songs(tmp_path, [row]) == [Track("no-such-package/metal.ogg", target, "metal")]


def test_figures_by_genre(model):
    tracks = [Track(f"{name}", METAL, genre) for name, genre in (("a", "metal"), ("b", "metal"), ("c", "jazz"))]
    figures = by_genre(score(model, tracks, longest_s=6))
    assert figures["genres"] == {"jazz": {"n_songs": 1, "n_right": 0}, "metal": {"n_songs": 2, "n_right": 2}}
    assert figures["accuracy"] == pytest.approx(2 / 3)
    assert figures["mean_over_genres"] == 0.5
    assert figures["answers"][2]["answer"] == "metal"
