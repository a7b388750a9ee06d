"""Tables of strangers: each value that a column cannot have is one line."""

import contextlib
import json
import sqlite3

import pytest

from genrestream.errors import OutputError, UsageError
from genrestream.library.config import PlaylistConfig
from genrestream.library.merge import merge
from genrestream.library.playlist import write_playlists
from genrestream.library.table import files, store
from genrestream.library.table.track import COLUMNS, Track
from genrestream.library.table.values import RULES

ROW = {
    "path": "/music/song.mp3", "size": 1, "mtime_ns": 2, "duration_s": 3.5, "genre": "rock", "probability": 0.9,
    "state": "music", "genres": ["rock"], "probs": {"rock": 0.9}, "votes": {"rock": 2}, "n_votes": 2,
    "segments": [{"start": 0.0, "end": 3.5, "genre": "rock", "confidence": 0.9}],
}  # fmt: skip
WRONG = [
    ("path", None), ("path", 5), ("path", "\ud800"), ("path", "a\0b"),
    ("size", None), ("size", 10**30), ("size", "1"), ("size", True), ("mtime_ns", 1.5),
    ("audio_hash", 7), ("genre", "\ud800"), ("genre", ["rock"]), ("state", {}), ("error", "\udce9"),
    ("duration_s", "x"), ("duration_s", float("nan")), ("duration_s", 10**400), ("probability", float("inf")),
    ("genres", "rock"), ("genres", [["x"]]), ("genres", ["\ud800"]),
    ("probs", ["rock"]), ("probs", {"rock": "x"}), ("probs", {"\ud800": 1}),
    ("votes", {"rock": 0.5}), ("votes", {"rock": -1}), ("n_votes", 1 << 31),
    ("segments", {}), ("segments", ["x"]), ("segments", [{"start": 1}]),
    ("segments", [ROW["segments"][0] | {"end": "x"}]), ("missing", "no"),
]  # fmt: skip


def test_each_column_has_a_rule():
    assert set(RULES) == set(COLUMNS)


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_value_that_a_column_cannot_have_is_one_line(tmp_path, name, value):
    table = tmp_path / "strange.jsonl"
    table.write_text(json.dumps(ROW | {name: value}))
    refused(table, tmp_path, "" if value is None else f"({name}=")


@pytest.mark.parametrize(
    ("name", "cell"),
    [("size", "1" + "0" * 30), ("duration_s", "nan"), ("probs", '["rock"]'), ("genres", '[["x"]]'), ("probs", "5")],
)
def test_so_it_is_in_a_csv(tmp_path, name, cell):
    table = tmp_path / "strange.csv"
    files.write(str(table), [Track("/music/song.mp3", 11223344, 2, duration_s=55667788.0)])
    before = {"size": "11223344", "duration_s": "55667788.0", "probs": "{}", "genres": "[]"}[name]
    quoted = '"' + cell.replace('"', '""') + '"'
    table.write_text(table.read_text().replace(before, quoted, 1))
    refused(table, tmp_path, f"({name}=")


@pytest.mark.parametrize("line", ["[" * 100_000, '{"path": ' * 100_000, "5", "{}", "", "no JSON"])
def test_a_line_that_is_no_row_is_one_line(tmp_path, line):
    table = tmp_path / "strange.jsonl"
    table.write_text(f"{json.dumps(ROW)}\n{line}\n")
    refused(table, tmp_path, "")


@pytest.mark.parametrize("text", ["artist,title\n", "artist,title\nx,y\n", "a note of mine\n", "path,genre\n"])
def test_a_csv_of_another_program_is_left_as_it_is(tmp_path, text):
    table = tmp_path / "mine.csv"
    table.write_text(text)
    refused(table, tmp_path, "it has no column ")
    with pytest.raises(UsageError, match="it has no column"), store.opened(str(table)):
        pass
    assert table.read_text() == text


def refused(table, folder, cause):
    with pytest.raises(UsageError) as listed:
        write_playlists(store.rows(str(table)), PlaylistConfig(str(folder / "lists")), print)
    with pytest.raises(UsageError) as merged:
        merge((str(table),), str(folder / "all.sqlite"))
    for said in map(str, (listed.value, merged.value)):
        assert said.startswith(f"{table}: is not a genrestream table (")
        assert cause in said
        assert said.endswith("; name another file")
        assert len(said.splitlines()) == 1
    assert not list(store.rows(str(folder / "all.sqlite")))


@pytest.mark.parametrize(("name", "value"), [("probs", "[" * 100_000), ("probs", "5"), ("genres", "x"), ("size", "x")])
def test_a_damaged_row_of_a_database_is_one_line(tmp_path, name, value):
    table = str(tmp_path / "library.sqlite")
    with store.opened(table) as database:
        database.put(Track("/music/song.mp3", 1, 2))
    with contextlib.closing(sqlite3.connect(table)) as connection, connection:
        connection.execute(f"UPDATE tracks SET {name} = ?", (value,))
    with pytest.raises(OutputError, match="is damaged, a row cannot be read"):
        list(store.rows(table))


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet", ".sqlite"])
def test_a_row_is_the_same_in_each_format(tmp_path, suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="pyarrow, of the extra parquet, is missing")
    first, other = tmp_path / "first.jsonl", tmp_path / f"other{suffix}"
    first.write_text(json.dumps(ROW))
    assert merge((str(first),), str(other)) == (1, 1)
    assert list(store.rows(str(other))) == list(store.rows(str(first)))
