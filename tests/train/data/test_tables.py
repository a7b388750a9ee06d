import csv

import pytest

from genrestream.errors import GenrestreamError, UsageError
from genrestream.teaching import tables
from genrestream.teaching.tables import guarded, rows, unguarded
from train.data.readers import fma
from train.data.readers.folders import read

HOSTILE = ("=1+1", "+1", "-1", "@sum", "\x1b[31mred", "'quoted", "'=1", '"', "a,b", "two\nlines", "\uff1d1", "ü")


def written(path, *lines, encoding="utf-8"):
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file).writerows(lines)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_every_cell_is_plain_text(tmp_path, encoding):
    table = written(tmp_path / "t.csv", ("file", "genre"), *((cell, cell) for cell in HOSTILE), encoding=encoding)
    assert [row for _, row in rows(table, ("file", "genre"))] == [{"file": cell, "genre": cell} for cell in HOSTILE]


@pytest.mark.parametrize("cell", HOSTILE)
def test_no_cell_that_is_written_is_a_formula(cell):
    assert unguarded(guarded(cell)) == cell
    assert guarded(cell)[0] not in "=+-@\uff1d"


def test_rows_that_are_short_blank_or_end_in_commas(tmp_path):
    (tmp_path / "t.csv").write_text("file,genre\na.ogg\n\n,,,\nb.ogg,rock,,\n")
    found = list(rows(tmp_path / "t.csv"))
    assert found[0] == (2, {"file": "a.ogg", "genre": ""})
    assert found[-1] == (5, {"file": "b.ogg", "genre": "rock"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no column file, genre"),
        (b"file,genre\na\0.ogg,rock\n", "line 2 holds a NUL byte"),
        (b"file,genre\na.ogg,rock,pop\n", "line 2 has 3 cells, must have 2"),
        (b"file,genre\n" + b"a" * 200_000 + b",rock\n", "cannot be read \\(field larger"),
        (b"file,genre\n" + b"a" * (tables.LONGEST_LINE + 1), "line 2 is longer than"),
        (b'file,genre\n"' + b"a\n" * 100_000, "cannot be read \\(field larger"),
        ("file,genre\ncafé.ogg,rock\n".encode("latin-1"), "cannot be read"),
        ("file,genre\na.ogg,rock\n".encode("utf-16"), "cannot be read"),
        ("file,genre\na.ogg,rock\n".encode("utf-16-le"), "line 1 holds a NUL byte"),
        (b"\x1f\x8b\x08\x00", "cannot be read"),
    ],
    ids=["empty", "NUL", "cells", "field", "line", "quote", "latin-1", "utf-16", "utf-16-le", "gzip"],
)
def test_what_is_no_table_is_one_line(tmp_path, content, said):
    (tmp_path / "tracks.csv").write_bytes(content)
    with pytest.raises(UsageError, match=f"tracks.csv: {said}") as raised:
        read(tmp_path)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    "table",
    [
        "file,genre\n\x1b[2J.ogg,rock\n",
        "file,genre\n" + 5000 * "a" + ".ogg,rock\n",
        "file,genre,split\na.ogg,rock,\x1b]0;title\x07\n",
        "file,genre,track\na.ogg,rock,\x1b[2J\na.ogg,pop,\x1b[2J\n",
        "file,genre\na.ogg,\x1b[2J\na.ogg,pop\n",
    ],
    ids=["file", "long name", "split", "track", "genre"],
)
def test_escape_codes_do_not_reach_the_terminal(tmp_path, table):
    (tmp_path / "tracks.csv").write_text(table)
    (tmp_path / "a.ogg").touch()
    with pytest.raises(GenrestreamError) as raised:
        read(tmp_path)
    assert str(raised.value).isprintable()


def test_duplicates_that_are_cut_short(tmp_path):
    (tmp_path / "tracks.csv").write_text("file,genre\nblues.00000.ogg,blues\nrock.00001.ogg,rock\n")
    (tmp_path / "duplicates.csv").write_text("track_a,track_b\nblues.00000\n")
    for name in ("blues.00000.ogg", "rock.00001.ogg"):
        (tmp_path / name).touch()
    assert ("blues.00000", "") in read(tmp_path).duplicates


@pytest.mark.parametrize(("max_mb", "file"), [(tables.MAX_MB, "tracks.csv"), (fma.MAX_MB, "fma_metadata/tracks.csv")])
def test_a_table_that_would_not_fit_the_memory(tmp_path, max_mb, file):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    if file != "tracks.csv":
        (tmp_path / "fma_small").mkdir()
    with (tmp_path / file).open("w") as table:
        table.write(",set,artist,track\n" if file != "tracks.csv" else "file,genre\n")
        table.truncate(int(max_mb * 1e6) + 2)  # a hole: takes no room
    with pytest.raises(UsageError, match=f"must have at most {max_mb} MB"):
        read(tmp_path)
