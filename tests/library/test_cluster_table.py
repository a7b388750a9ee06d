"""The folder of Parquet files that a cluster writes: what is taken up, and what is refused."""

import pytest

from genrestream.errors import UsageError

pytest.importorskip("fsspec", reason="fsspec, of the extra ray, is missing")
pa = pytest.importorskip("pyarrow", reason="pyarrow, of the extra parquet, is missing")

import pyarrow.parquet as pq  # noqa: E402

from genrestream.library.cluster.table import known_files  # noqa: E402
from genrestream.library.table.parquet import write_rows  # noqa: E402
from genrestream.library.table.track import from_dict  # noqa: E402

SETTINGS = {"model": "cnn", "weights": "abc", "--per-track": "30"}


@pytest.fixture
def table(tmp_path):
    """A table with the rows of two files, of which one failed."""
    folder = tmp_path / "table.parquet"
    assert known_files(str(folder), SETTINGS, False) == {}
    tracks = [
        from_dict({"path": f"/{name}.mp3", "size": 1, "mtime_ns": 2, "model_version": "abc", "error": error})
        for name, error in (("a", ""), ("b", "broken"))
    ]
    with (folder / "1.parquet").open("wb") as file:
        write_rows(file, (track.to_dict() for track in tracks))
    return folder


def test_files_with_a_row_are_known(table):
    assert known_files(str(table), SETTINGS, False) == {"/a.mp3": (1, 2), "/b.mp3": (1, 2)}
    assert known_files(str(table), SETTINGS, True) == {"/a.mp3": (1, 2), "/b.mp3": (-1, -1)}


def refused(table, settings=SETTINGS) -> str:
    with pytest.raises(UsageError) as caught:
        known_files(str(table), settings, False)
    line = str(caught.value)
    assert line.startswith(str(table))
    assert "\n" not in line
    return line


@pytest.mark.parametrize(("name", "value"), [("model", "wide"), ("--per-track", "60")])
def test_other_settings_are_refused(table, name, value):
    line = refused(table, SETTINGS | {name: value})
    assert line.endswith(f"was made with {name} {SETTINGS[name]}, not {value}; give the same, or another table")


def test_other_weights_are_refused_without_the_settings_too(table):
    (table / "_settings.json").unlink()  # a table of an earlier version
    assert "was made with another model" in refused(table, SETTINGS | {"weights": "xyz"})
    assert not (table / "_settings.json").exists()


def test_settings_that_are_no_json_are_refused(table):
    (table / "_settings.json").write_text("[1")
    assert "_settings.json: is not the settings of a table" in refused(table)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(b"no parquet at all" * 10),
        lambda path: pq.write_table(pa.table({"title": ["x"]}), path),
    ],
)
def test_a_foreign_file_in_the_folder_is_one_line(table, write):
    write(table / "foreign.parquet")
    assert "/foreign.parquet: is not a genrestream table (" in refused(table)
