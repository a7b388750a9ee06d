"""The history: what played is in the file, also after kill -9, and comes out as a table, CSV and a picture."""

import csv
import io
import sqlite3
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from genrestream.cli.main import main
from genrestream.errors import OutputError
from genrestream.serve.history import Entry, HistoryFile, read, shares
from genrestream.serve.stretches import Stretch

HOUR = 3600


def noon(days=0):
    """Return noon of a day, in seconds since 1970."""
    return (datetime.now().replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=days)).timestamp()


@pytest.fixture
def kept(tmp_path):
    """A file with a day: 90 minutes of metal from 12:30, five of silence, 20 of jazz that are not over."""
    path, start = tmp_path / "history.sqlite", noon() + HOUR / 2
    file = HistoryFile(path, keep_days=30)
    metal, silence = (
        Stretch(start, start + 5400, "metal", 0.9),
        Stretch(start + 5400, start + 5700, "silence", 1.0),
    )
    file.send(Entry("main", "m", (metal,), (Stretch(start + 5400, start + 5500, "jazz", 0.6),)))
    file.send(Entry("main", "m", (silence,), (Stretch(start + 5700, start + 6900, "jazz", 0.7),)))
    file.close()
    return path


def test_stretches_and_each_hours_shares(kept):
    rows = read(kept, noon(), noon() + 4 * HOUR)
    assert [(name, one.genre, one.end - one.start) for name, one in rows] == [
        ("main", "metal", 5400), ("main", "silence", 300), ("main", "jazz", 1200),
    ]  # fmt: skip
    of_hours = {(hour - noon(), genre): seconds for _, hour, genre, seconds in shares(kept, noon(), noon() + 4 * HOUR)}
    assert of_hours == {
        (0, "metal"): 1800, (HOUR, "metal"): 3600, (2 * HOUR, "silence"): 300, (2 * HOUR, "jazz"): 1200,
    }  # fmt: skip
    assert read(kept, noon(), noon() + 4 * HOUR, "other") == []
    cut = read(kept, noon() + HOUR, noon() + HOUR + 60)
    assert [one.end - one.start for _, one in cut] == [60]


def test_what_is_old_is_forgotten(tmp_path):
    path, now = tmp_path / "h.sqlite", time.time()
    file = HistoryFile(path, keep_days=1)
    file.send(
        Entry("main", "m", (Stretch(now - 200_000, now - 190_000, "rock", 1), Stretch(now - 9, now, "pop", 1)), ())
    )
    file.close()
    assert [one.genre for _, one in read(path, 0, now + 9)] == ["pop"]


def test_two_servers_and_a_reader_on_one_file(tmp_path):
    path, now = tmp_path / "h.sqlite", time.time()
    files = [HistoryFile(path, 30) for _ in range(2)]

    def write(file, name):
        for number in range(20):
            one = Stretch(now + number, now + number + 1, "pop", 1)
            file.send(Entry(name, "m", (one,), (Stretch(now + number + 1, now + number + 2, "rock", 1),)))

    threads = [threading.Thread(target=write, args=[file, name]) for file, name in zip(files, "ab", strict=True)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        read(path, 0, now + 100)
    for thread, file in zip(threads, files, strict=True):
        thread.join()
        file.close()
    for name in "ab":
        genres = [one.genre for _, one in read(path, 0, now + 100, name)]
        assert (genres.count("pop"), genres.count("rock")) == (20, 1)


def test_a_table_of_a_day(kept, capsys):
    assert main(["history", "--history", str(kept)]) == 0
    out = capsys.readouterr().out
    assert "12:00  metal 30:00\n13:00  metal 1:00:00\n14:00  jazz 20:00, silence 5:00\n" in out
    assert "12:30:00  14:00:00   1:30:00  metal\n" in out


def test_csv_of_a_day(kept, capsys, tmp_path):
    assert main(["history", "--history", str(kept), "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["genre"] for row in rows] == ["metal", "silence", "jazz"]
    assert datetime.fromisoformat(rows[0]["start"]).timestamp() == noon() + HOUR / 2
    assert main(["history", "--history", str(kept), "-o", str(tmp_path / "day.csv")]) == 0
    assert (tmp_path / "day.csv").read_text().count("\n") == 4


def test_a_picture_of_a_day(kept, tmp_path):
    assert main(["history", "--history", str(kept), "-o", str(tmp_path / "day.png")]) == 0
    assert (tmp_path / "day.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--day", "2026-13-01"], 2, "must be a day such as"),
        (["--day", "yesterday"], 1, "nothing on"),
        (["--input", "cellar"], 1, "nothing of input cellar on"),
        (["-o", "day.txt"], 2, "must end in .csv, .png"),
        (["-o", "/no/such/folder/day.csv"], 1, "cannot be written"),
    ],
)
def test_days_that_cannot_be_printed(kept, arguments, code, words, capsys):
    assert main(["history", "--history", str(kept), *arguments]) == code
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_files_that_are_no_history(tmp_path, capsys):
    assert main(["history", "--history", str(tmp_path / "gone")]) == 1
    assert "genrestream serve" in capsys.readouterr().err
    (tmp_path / "text").write_text("no database\n" * 100)
    assert main(["history", "--history", str(tmp_path / "text")]) == 1
    for path, words in (
        (tmp_path / "text", "cannot be written as a history"),
        (Path("/proc/x/h"), "cannot be written"),
    ):
        with pytest.raises(OutputError, match=words):
            HistoryFile(path, 30)
    newer = tmp_path / "newer"
    with sqlite3.connect(newer) as file:
        file.execute("PRAGMA user_version = 9")
    file.close()
    with pytest.raises(OutputError, match="newer version"):
        HistoryFile(newer, 30)
