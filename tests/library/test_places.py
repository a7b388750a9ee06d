"""Files of any filesystem: the same ones as of a local folder."""

import os

import pytest

from genrestream.library.cluster.places import files_below_all, files_of
from genrestream.library.walk import Choice

fsspec = pytest.importorskip("fsspec", reason="fsspec, of the extra ray, is missing")

NAMES = (
    "a.mp3", "Podcasts/b.mp3", "Podcasts/deep/c.mp3", ".hidden/d.mp3", "x/.hidden/y/e.mp3", "x/f.flac", "x/cover.jpg",
    "@eaDir/g.mp3", "x/live/h.mp3", "._i.mp3",
)  # fmt: skip


@pytest.fixture
def remote():
    """A folder in memory whose own name begins with a dot; that does not hide it, because it is named."""
    filesystem = fsspec.filesystem("memory")
    for name in NAMES:
        filesystem.pipe(f"/.music/{name}", b"1")
    yield "memory://.music"
    filesystem.rm("/.music", recursive=True)


@pytest.fixture
def local(tmp_path):
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    return str(tmp_path)


def found(place: str, choice: Choice) -> set[str]:
    root = "/.music" if "://" in place else place
    paths = [one.path.removeprefix("memory://") for one in files_of(place, choice, lambda *_: None)]
    return {os.path.relpath(path, root) for path in paths}


@pytest.mark.parametrize("exclude", [(), ("Podcasts",), ("*/live/*", "a.*")])
@pytest.mark.parametrize("part", [(0, 1), (1, 2)])
def test_the_files_are_those_of_a_local_folder(remote, local, exclude, part):
    choice = Choice(exclude, part=part)
    assert found(remote, choice) == found(local, choice)


def test_folders_are_hidden_and_excluded(remote):
    assert found(remote, Choice(("Podcasts",))) == {"a.mp3", "x/f.flac", "x/live/h.mp3"}


def test_a_file_stands_for_itself(remote):
    paths = [one.path for one in files_of(f"{remote}/x/cover.jpg", Choice(), lambda *_: None)]
    assert paths == ["memory:///.music/x/cover.jpg"]


def test_a_file_below_two_folders_comes_once(remote, local):
    for place, inner in ((remote, f"{remote}/x"), (local, f"{local}/x")):
        once, twice = (
            sorted(one.path for one in files_below_all(places, Choice(), lambda *_: None))
            for places in ([place], [inner, place, place])
        )
        assert twice == once
