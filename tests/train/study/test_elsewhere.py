import shutil
import subprocess

import pytest

from genrestream.errors import UsageError
from tests.conftest import METAL
from train.data.tracks import Track
from train.evaluation.scoring import score
from train.study.elsewhere import by_genre, fetch, listed, songs, unpack


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


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs dpkg-deb")
def test_only_the_songs_of_a_package_are_unpacked(tmp_path):
    tree = tmp_path / "tree"
    (tree / "usr" / "music").mkdir(parents=True)
    (tree / "usr" / "music" / "a song.ogg").write_bytes(b"song")
    (tree / "usr" / "music" / "other.ogg").write_bytes(b"other")
    (tree / "DEBIAN").mkdir()
    fields = {"Package": "songs", "Version": "1", "Architecture": "all", "Maintainer": "none <a@b>", "Description": "x"}
    (tree / "DEBIAN" / "control").write_text("".join(f"{name}: {value}\n" for name, value in fields.items()))
    deb = tmp_path / "songs.deb"
    subprocess.run(["dpkg-deb", "--build", tree, deb], check=True, capture_output=True)
    unpack(deb, ["usr/music/a song.ogg"], tmp_path / "out")
    assert [file.name for file in (tmp_path / "out").rglob("*.ogg")] == ["a song.ogg"]
    with pytest.raises(UsageError, match=r"songs\.deb: has no usr/music/none\.ogg"):
        unpack(deb, ["usr/music/none.ogg"], tmp_path / "out")


@pytest.mark.skipif(not shutil.which("apt-get"), reason="needs apt-get")
def test_a_package_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match="no-such-package-at-all: cannot be downloaded"):
        fetch("no-such-package-at-all", ["x"], tmp_path)


def test_figures_by_genre(model):
    tracks = [Track(f"{name}", METAL, genre) for name, genre in (("a", "metal"), ("b", "metal"), ("c", "jazz"))]
    figures = by_genre(score(model, tracks, longest_s=6))
    assert figures["genres"] == {"jazz": {"n_songs": 1, "n_right": 0}, "metal": {"n_songs": 2, "n_right": 2}}
    assert figures["accuracy"] == pytest.approx(2 / 3)
    assert figures["mean_over_genres"] == 0.5
    assert figures["answers"][2]["answer"] == "metal"
