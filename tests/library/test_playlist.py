"""Playlists: a list a genre, with names that players open."""

from pathlib import Path

from tests.conftest import command


def test_a_list_a_genre(messy, scanned, tmp_path):
    lists = tmp_path / "lists"
    done = command("playlist", scanned, "--output", lists)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{lists}/metal.m3u8: 2 files\n"
    lines = (lists / "metal.m3u8").read_text().splitlines()
    assert lines[0] == "#EXTM3U"
    assert [line for line in lines if not line.startswith("#")] == [
        str(messy / "a" / "b" / "the same.ogg"),
        str(messy / "a" / "metal.ogg"),
    ]


def test_relative_paths_are_found_from_the_lists_folder(messy, scanned):
    command("playlist", scanned, "--output", messy / "lists", "--relative")
    lines = (messy / "lists" / "metal.m3u8").read_text().splitlines()
    named = [line for line in lines if not line.startswith("#")]
    assert named == ["../a/b/the same.ogg", "../a/metal.ogg"]
    assert all((messy / "lists" / Path(line)).is_file() for line in named)


def test_nothing_is_sure_enough(scanned, tmp_path):
    done = command("playlist", scanned, "--min-probability", "1", "--output", tmp_path / "lists")
    assert done.stdout.strip() == "no file has a genre of 1 or more; --min-probability lowers it"
