"""Scans of real folders by real processes: what is classified once, killed, and goes on."""

import csv
import dataclasses
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from genrestream.errors import UsageError
from genrestream.inference import checkpoint, shipped
from genrestream.library.config import ScanConfig
from genrestream.library.scan import Scan
from genrestream.library.table import store
from tests.conftest import METAL, as_another_user, command, encode, music
from tests.library.conftest import answers, rows, scan


def test_one_row_a_file_and_the_double_is_not_classified_twice(messy, scanned, default):
    found = dict(rows(scanned, "path", "genre"))
    names = {os.path.relpath(path, messy) for path in found}
    assert names == {"a/metal.ogg", "a/b/the same.ogg", "a/short.wav", "broken.mp3"}
    assert found[str(messy / "a" / "metal.ogg")] == default.classify(METAL).genre
    answer = answers(scanned)
    assert answer[str(messy / "a" / "b" / "the same.ogg")] == answer[str(messy / "a" / "metal.ogg")]
    error = dict(rows(scanned, "path", "error"))[str(messy / "broken.mp3")]
    assert error == f"{messy / 'broken.mp3'}: is not audio that FFmpeg can decode"
    assert not list(scanned.parent.glob("*.lock"))


def test_a_second_run_classifies_what_is_new_moved_or_to_be_tried_again(messy, scanned):
    before = answers(scanned)
    assert "4 unchanged" in scan(messy, "--db", scanned).stdout
    (messy / "a" / "short.wav").rename(messy / "moved.wav")
    encode(messy / "new.flac", music(4, seed=1), 16_000, "flac")
    done = scan(messy, "--db", scanned)
    assert "1 classified, 3 unchanged, 1 with audio that was known, 1 moved" in done.stdout
    after = answers(scanned)
    assert after[str(messy / "moved.wav")] == before[str(messy / "a" / "short.wav")]
    assert str(messy / "a" / "short.wav") not in after
    again = scan(messy, "--db", scanned, "--retry")
    assert again.returncode == 1
    assert again.stderr.count("broken.mp3: is not audio") == 1
    shutil.copy(METAL, messy / "broken.mp3")  # mended
    done = scan(messy, "--db", scanned)
    assert done.returncode == 0, done.stderr
    assert not any(error for (error,) in rows(scanned, "error"))


def test_a_file_that_is_gone_is_marked_and_comes_back_without_being_classified(messy, scanned, tmp_path):
    (messy / "a" / "short.wav").rename(tmp_path / "elsewhere.wav")
    assert "1 missing" in scan(messy, "--db", scanned).stdout
    assert dict(rows(scanned, "path", "missing"))[str(messy / "a" / "short.wav")] == 1
    (tmp_path / "elsewhere.wav").rename(messy / "a" / "short.wav")
    assert "4 unchanged" in scan(messy, "--db", scanned).stdout
    assert not any(missing for (missing,) in rows(scanned, "missing"))
    (messy / "a" / "short.wav").unlink()
    scan(messy, "--db", scanned, "--prune")
    assert len(rows(scanned, "path")) == 3


def test_a_folder_that_vanishes_loses_no_row(messy, scanned):
    before = answers(scanned)
    messy.rename(messy.with_name("unplugged"))
    done = scan(messy, "--db", scanned)
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == f"genrestream: {messy}: no such file or directory"
    assert answers(scanned) == before


def test_killed_at_any_moment_it_ends_with_the_same_table(tmp_path, default):
    folder, db, whole = tmp_path / "many", tmp_path / "killed.sqlite", tmp_path / "whole.sqlite"
    folder.mkdir()
    for number in range(8):
        encode(folder / f"{number}.wav", music(2, seed=number), 16_000, "pcm_s16le")
    scan(folder, "--db", whole)
    ours = [sys.executable, "-m", "genrestream", "scan", str(folder), "--db", str(db), "--jobs", "1"]
    dice, n_rows = random.Random(0), 0
    for number in range(30):
        with subprocess.Popen(ours, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            until = time.monotonic() + dice.uniform(0.05, 1.0)
            # The last ones are killed after a new row, on a machine of any speed.
            while process.poll() is None and (time.monotonic() < until or (number > 26 and n_rows == n_of(db))):
                time.sleep(0.01)
            process.kill()
        assert n_of(db) >= n_rows  # no finished file is lost
        n_rows = n_of(db)
    scan(folder, "--db", db)
    assert answers(db) == answers(whole)


def n_of(db) -> int:
    return len(rows(db, "path")) if db.exists() else 0


def test_ctrl_c_keeps_what_was_classified(tmp_path, default):
    folder, db = tmp_path / "many", tmp_path / "library.sqlite"
    folder.mkdir()
    for number in range(30):
        encode(folder / f"{number}.wav", music(6, seed=number), 16_000, "pcm_s16le")
    ours = [sys.executable, "-m", "genrestream", "scan", str(folder), "--db", str(db), "--jobs", "1"]
    with subprocess.Popen(ours, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        while not n_of(db):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on" in said
    assert 0 < len(rows(db, "path")) < 30


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_other_formats_have_the_same_rows_and_go_on(messy, scanned, tmp_path, suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="pyarrow, of the extra parquet, is missing")
    db, back = tmp_path / f"library{suffix}", tmp_path / "back.sqlite"
    assert command("merge", scanned, "--db", db).returncode == 0
    done = scan(messy, "--db", db)
    assert "4 unchanged" in done.stdout
    assert sorted(path.name for path in tmp_path.glob(f"library{suffix}*")) == [f"library{suffix}"]
    assert command("merge", db, "--db", back).returncode == 0
    assert rows(back, "*") == rows(scanned, "*")


def test_shards_together_are_the_whole(messy, scanned, tmp_path):
    parts = [tmp_path / f"{number}.sqlite" for number in (1, 2, 3)]
    for number, part in enumerate(parts, 1):
        scan(messy, "--db", part, "--shard", f"{number}/3")
    assert sum(len(rows(part, "path")) for part in parts) == 4
    done = command("merge", *parts, "--db", tmp_path / "all.sqlite")
    assert "4 rows read" in done.stdout
    assert answers(tmp_path / "all.sqlite") == answers(scanned)


def test_batches_give_the_same_answers(tmp_path):
    folder, small = tmp_path / "music", ["--model", "cnn"]  # a small network, which is compiled here
    folder.mkdir()
    for number in range(3):
        encode(folder / f"{number}.wav", music(7, seed=number), 16_000, "pcm_s16le")
    for name, options in (("one", []), ("batched", ["--batch", "4"])):
        assert scan(folder, "--db", tmp_path / f"{name}.sqlite", *small, *options).returncode == 0
    ours, theirs = (rows(tmp_path / f"{name}.sqlite", "path", "probs", "classified_s") for name in ("batched", "one"))
    assert len(ours) == len(theirs) == 3
    for (path, probs, classified_s), (its_path, its_probs, its_heard_s) in zip(ours, theirs, strict=True):
        assert (path, classified_s) == (its_path, its_heard_s)
        assert json.loads(probs) == pytest.approx(json.loads(its_probs), abs=1e-4)


def test_a_scan_with_batches_leaves_no_thread(tmp_path, cache):
    from genrestream.cli.library.progress import Progress
    from genrestream.library.config import ScanConfig
    from genrestream.library.scan import scan as scanned_here

    song = encode(tmp_path / "song.wav", music(4), 16_000, "pcm_s16le")
    config = ScanConfig(db=str(tmp_path / "library.sqlite"), model="cnn", batch=2, jobs=1)
    assert scanned_here([str(song)], config, Progress(quiet=True), lambda _: None).n_classified == 1
    assert not [thread for thread in threading.enumerate() if thread.name == "batcher"]


def test_only_the_middle_is_classified(tmp_path, default):
    from genrestream.library.table.track import Found
    from genrestream.library.work.excerpt import Excerpt
    from genrestream.library.work.identity import identify

    for suffix, codec in ((".wav", "pcm_s16le"), (".mp3", "libmp3lame"), (".flac", "flac"), (".opus", "libopus")):
        song = encode(tmp_path / f"song{suffix}", music(20, 48_000), 48_000, codec)
        session = default.session()
        excerpt = Excerpt(Found(str(song), 0, 0), identify(str(song))[1], 6, session)
        for classified in excerpt:
            session.decide(classified, session.infer(classified))
        row = excerpt.row()
        assert row["classified_s"] == pytest.approx(6, abs=0.2), suffix
        assert row["problems"] == "", suffix
        assert row["segments"][0]["start"] == pytest.approx(7, abs=0.1), suffix


def test_links_in_a_circle_end_and_exclude_leaves_out(messy, scanned, tmp_path):
    (messy / "a" / "around").symlink_to(messy, target_is_directory=True)
    (messy / "a" / "nothing.mp3").symlink_to(tmp_path / "nothing.mp3")
    db = tmp_path / "linked.sqlite"
    done = scan(messy, "--db", db, "--follow-symlinks", "--exclude", "broken*", "--exclude", "*/b/*")
    assert done.returncode == 0, done.stderr
    assert {os.path.relpath(path, messy) for (path,) in rows(db, "path")} == {"a/metal.ogg", "a/short.wav"}


def test_a_name_that_is_no_utf8_has_a_row(tmp_path, default):
    folder = tmp_path / "music"
    folder.mkdir()
    name = os.fsdecode(os.fsencode(folder) + b"/caf\xe9.ogg")
    try:
        shutil.copy(METAL, name)
    except OSError:
        pytest.skip("this filesystem takes UTF-8 names only")
    db = tmp_path / "library.sqlite"
    assert scan(folder, "--db", db).returncode == 0
    assert rows(db, "path", "genre") == [(rf"{folder}/caf\udce9.ogg", "metal")]
    assert "1 unchanged" in scan(folder, "--db", db).stdout
    command("playlist", db, "--output", tmp_path / "lists")
    assert os.fsencode(name) in (tmp_path / "lists" / "metal.m3u8").read_bytes()
    with open(name, "wb") as damaged:
        damaged.write(b"no music" * 100)
    assert scan(folder, "--db", db).returncode == 1
    ((error,),) = rows(db, "error")
    assert error.startswith(rf"{folder}/caf\udce9.ogg: ")


def test_a_file_that_is_replaced_while_it_is_read_is_classified_again(tmp_path, model):
    from genrestream.library.scan import is_changed
    from genrestream.library.table.track import Found

    song = encode(tmp_path / "song.wav", music(4), 16_000, "pcm_s16le")
    status = song.stat()
    found = Found(str(song), status.st_size, status.st_mtime_ns)
    assert not is_changed(found)
    encode(song, music(5), 16_000, "pcm_s16le")
    assert is_changed(found)


def test_a_worker_that_dies_costs_one_file(tmp_path, default):
    from genrestream.library.table.track import Found
    from genrestream.library.work.pool import Pool
    from genrestream.library.work.settings import WorkerSettings

    songs = [encode(tmp_path / f"{n}.wav", music(3, seed=n), 16_000, "pcm_s16le") for n in range(5)]
    files = [Found(str(song), song.stat().st_size, song.stat().st_mtime_ns) for song in songs]
    answers, killed = [], False
    with Pool(WorkerSettings("musicnn", 30.0), 1) as pool:
        for answer in pool.answers(iter(files), lambda _: False):
            answers.append(answer)
            if not killed:
                killed = True
                os.kill(pool.pids[0], signal.SIGKILL)
    assert sorted(answer.found.path for answer in answers) == sorted(map(str, songs))
    failed = [answer.error for answer in answers if answer.error]
    assert len(failed) <= 1
    assert all("was killed by signal 9; scan with --retry to try it again" in line for line in failed)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs a signal that stops a process")
@pytest.mark.parametrize("n_songs", [1, 4])  # it stops between two steps of its only file, or in another file
def test_a_worker_that_never_answers_is_ended(tmp_path, default, monkeypatch, n_songs):
    from genrestream.library.table.track import Found
    from genrestream.library.work import process
    from genrestream.library.work.pool import Pool
    from genrestream.library.work.settings import WorkerSettings

    songs = [encode(tmp_path / f"{n}.wav", music(3, seed=n), 16_000, "pcm_s16le") for n in range(n_songs)]
    files = [Found(str(song), song.stat().st_size, song.stat().st_mtime_ns) for song in songs]
    stopped = []

    def stop_it(_: str) -> bool:
        """Stop the worker at its first file for good, and wait no longer for it than a second."""
        if not stopped:
            stopped.append(pool.pids[0])
            os.kill(stopped[0], signal.SIGSTOP)
            monkeypatch.setattr(process, "STUCK_S", 1.0)
        return False

    with Pool(WorkerSettings("musicnn", 30.0), 1) as pool:
        answers = list(pool.answers(iter(files), stop_it))
        assert stopped[0] not in pool.pids
    assert sorted(answer.found.path for answer in answers) == sorted(map(str, songs))
    failed = [answer.error for answer in answers if answer.error]
    assert len(failed) == 1
    assert re.search(r"took more than \d s and was ended; scan with --retry to try it again$", failed[0])


def test_a_file_that_waits_behind_a_long_one_is_not_taken_for_stuck(tmp_path, default, monkeypatch):
    from genrestream.library.table.track import Found
    from genrestream.library.work import process
    from genrestream.library.work.pool import Pool
    from genrestream.library.work.settings import WorkerSettings

    lengths_s = {"long.wav": 1500, "short.wav": 1}
    songs = [encode(tmp_path / name, music(s), 16_000, "pcm_s16le") for name, s in lengths_s.items()]
    files = [Found(str(song), song.stat().st_size, song.stat().st_mtime_ns) for song in songs]
    with Pool(WorkerSettings("musicnn", 0.0), 1) as pool:
        answers = []
        for answer in pool.answers(iter(files), lambda _: bool(monkeypatch.setattr(process, "STUCK_S", 0.1))):
            answers.append(answer)
    assert [answer.error for answer in answers] == ["", ""]


def foreign(path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE songs (name)")
    connection.commit()
    connection.close()


def newer(path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE tracks (path); PRAGMA application_id = 1734700658; PRAGMA user_version = 99")
    connection.close()


BAD = {
    "foreign": (foreign, "is the database of another program; name another file for the table"),
    "newer": (newer, "is from a newer genrestream (format 99, this one reads 1); pip install -U genrestream"),
    "text": (lambda path: path.write_text("no database " * 100), "is not a genrestream table; name another file"),
    "folder": (lambda path: path.mkdir(), "is a folder; name a file for the table"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_table_that_is_not_ours_is_left_alone(tmp_path, kind):
    make, line = BAD[kind]
    db = tmp_path / "library.sqlite"
    make(db)
    before = db.read_bytes() if db.is_file() else None
    done = scan(tmp_path, "--db", db)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [f"genrestream: {db}: {line}"]
    assert before is None or db.read_bytes() == before


def test_two_scans_of_one_table(tmp_path):
    from genrestream.library.table.lock import locked

    with locked(str(tmp_path / "library.sqlite")):
        done = scan(tmp_path, "--db", tmp_path / "library.sqlite")
    assert done.returncode == 2
    assert "another scan is writing this table; wait until it ends, or name another table" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_another_model_or_length_needs_another_table(messy, scanned):
    for options in (["--model", "musicnn"], ["--per-track", "10"]):
        done = scan(messy, "--db", scanned, *options)
        assert done.returncode == 2
        assert "give the same, or another table" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "no folder; name what to scan, such as ~/Music"),
        ([".", "--db", "x.txt"], "x.txt: its suffix names no format; end it in .sqlite, .parquet, .jsonl or .csv"),
        ([".", "--jobs", "0"], "--jobs 0: must be from 1 to 1024"),
        ([".", "--shard", "3/2"], "--shard 3/2: must be I/N with I from 1 to N, such as 2/8"),
        ([".", "--per-track", "0.5"], "--per-track 0.5: must be 0 for all, or from 1 to 86400 seconds"),
        ([".", "--model", "nosuch"], "--model nosuch: no such model"),
        ([".", "--ray", "auto", "--prune"], "--ray and --prune: cannot be used together; leave out --prune"),
        (["nowhere"], "nowhere: no such file or directory; name a folder of music"),
        ([".", "--db", "nowhere/x.sqlite"], "nowhere/x.sqlite: there is no folder nowhere"),
    ],
)
def test_what_makes_no_sense_is_one_line(tmp_path, arguments, line):
    done = scan(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert line in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a disk that is always full: /dev/full (Linux)")
def test_a_full_disk_is_one_line(messy, scanned, tmp_path):
    from genrestream.errors import OutputError
    from genrestream.library.table import files, store

    with pytest.raises(OutputError, match=r"/dev/full/x.jsonl: cannot be written"):
        files.write("/dev/full/x.jsonl", iter(()))
    with store.opened(str(scanned)) as database:
        database.sql.execute("PRAGMA max_page_count = 1")
        with pytest.raises(OutputError, match=r"no space left on device.*make room"):
            database.put_all(many(database))


def many(database):
    for row in list(database.tracks()):
        for number in range(200):
            yield dataclasses.replace(row, path=f"{row.path}{number}")


def test_a_folder_without_rights_is_named_and_its_rows_stay(messy, scanned, tmp_path):
    prefix = as_another_user(messy)
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chmod(path, 0o777)
    before = answers(scanned)
    os.chmod(messy / "a", 0)
    try:
        done = scan(messy, "--db", scanned, prefix=prefix, env=os.environ | {"GENRESTREAM_CACHE": ""}, cwd="/")
    finally:
        os.chmod(messy / "a", 0o777)
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == f"genrestream: {messy / 'a'}: cannot be read (permission denied)"
    assert answers(scanned) == before


def test_the_command_starts_without_what_it_does_not_need():
    code = "import genrestream.cli.main, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"jax", "sqlite3", "mutagen", "ray", "pyarrow", "rich"} & set(done.stdout.split())


def test_watch_classifies_what_is_added_and_notices_what_goes(messy, scanned, tmp_path):
    pytest.importorskip("watchfiles", reason="watchfiles, of the extra watch, is missing")
    ours = [sys.executable, "-m", "genrestream", "scan", str(messy), "--db", str(scanned), "--jobs", "1", "--watch"]
    with subprocess.Popen(ours, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr
        said = iter(process.stderr.readline, "")
        assert any("waiting for files" in line for line in said)
        (messy / "a" / "short.wav").unlink()
        new = messy / "new folder" / "new.wav"
        new.parent.mkdir()
        encode(new, music(3, seed=9), 16_000, "pcm_s16le")
        wait_for_row(process, scanned, new)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert not dict(rows(scanned, "path", "error"))[str(new)]


def wait_for_row(process, db, path):
    until = time.monotonic() + 90
    while str(path) not in {name for (name,) in rows(db, "path")}:
        if time.monotonic() > until:
            process.kill()
        assert process.poll() is None
        time.sleep(0.1)


def test_watch_misses_nothing_of_the_first_scan_and_writes_the_table_at_its_end(messy, scanned, tmp_path):
    pytest.importorskip("watchfiles", reason="watchfiles, of the extra watch, is missing")
    db, part = tmp_path / "table.csv", tmp_path / "table.csv.part.sqlite"
    assert command("merge", scanned, "--db", db).returncode == 0
    (messy / "a" / "short.wav").unlink()
    encode(messy / "a" / "long.wav", music(30, seed=5), 16_000, "pcm_s16le")
    ours = [sys.executable, "-m", "genrestream", "scan", str(messy), "--db", str(db), "--jobs", "1"]
    with subprocess.Popen([*ours, "--watch", "--prune"], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        said = iter(process.stderr.readline, "")
        assert any("1 file to classify" in line for line in said)  # all folders were listed
        new = encode(messy / "a" / "new.wav", music(3, seed=9), 16_000, "pcm_s16le")
        assert any("waiting for files" in line for line in said)
        wait_for_row(process, part, new)
        process.send_signal(signal.SIGINT)
        _, last = process.communicate(timeout=60)
    assert process.returncode == 130
    assert last.endswith(f"stopped; what was classified is kept, and the same command goes on ({db})\n")
    assert not part.exists()
    names = {os.path.basename(row["path"]) for row in csv.DictReader(db.read_text().splitlines())}
    assert names == {"metal.ogg", "the same.ogg", "broken.mp3", "long.wav", "new.wav"}


def test_watch_of_a_folder_that_is_gone_is_one_line(tmp_path):
    pytest.importorskip("watchfiles", reason="watchfiles, of the extra watch, is missing")
    from genrestream.library.watch import changes

    gone = tmp_path / "gone"
    with pytest.raises(UsageError, match=f"^{gone}: no such file or directory; --watch needs one that is there$"):
        changes([str(tmp_path), str(gone)])


def test_of_a_folder_that_became_unreadable_while_watched_nothing_is_changed(tmp_path):
    from genrestream.library.table.track import Track

    root = tmp_path / "music"
    closed, deleted = root / "closed", root / "deleted"
    closed.mkdir(parents=True)
    said = []
    with store.opened(str(tmp_path / "library.sqlite")) as database:
        database.put_all(Track(str(folder / "song.mp3"), 1, 1) for folder in (closed, deleted))
        model = checkpoint.read(shipped.find("cnn"))
        running = Scan([str(root)], ScanConfig(model="cnn", follow_symlinks=True), model, database, Quiet(said))
        closed.rmdir()
        closed.symlink_to(closed)  # an error of the system that is not "no such file", also for root
        running.again([str(closed), str(deleted)])
        missing = {track.path: track.missing for track in database.tracks(missing=True)}
        assert missing == {str(closed / "song.mp3"): False, str(deleted / "song.mp3"): True}
        assert len(said) == 1
        assert said[0].startswith(f"{closed}: ")
        shutil.rmtree(root)
        running.again([str(root)])
        assert not next(track.missing for track in database.tracks(missing=True) if "closed" in track.path)


class Quiet:
    """A watcher of a scan that keeps the problems."""

    def __init__(self, problems: list[str]):
        self._problems = problems

    def problem(self, line: str) -> None:
        self._problems.append(line)

    def found(self, n: int) -> None: ...

    def begin(self, n: int, n_unchanged: int) -> None: ...

    def advance(self, n: int) -> None: ...
