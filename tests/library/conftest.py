"""A messy library of real files, and the command run on it."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.conftest import METAL, command, encode, music


@pytest.fixture(scope="session")
def scanned_once(tmp_path_factory, default):
    """A messy library and its table: nested folders, a double, covers, hidden and foreign files, a broken one."""
    folder = tmp_path_factory.mktemp("library")
    root = folder / "music"
    (root / "a" / "b").mkdir(parents=True)
    (root / ".trash").mkdir()
    shutil.copy(METAL, root / "a" / "metal.ogg")
    shutil.copy(METAL, root / "a" / "b" / "the same.ogg")
    encode(root / "a" / "short.wav", music(4), 16_000, "pcm_s16le")
    (root / "broken.mp3").write_bytes(b"no music" * 100)
    (root / "cover.jpg").write_bytes(b"\xff\xd8\xff")
    (root / "a" / "._metal.ogg").write_bytes(b"of a Mac")
    shutil.copy(METAL, root / ".trash" / "gone.ogg")
    done = scan(root, "--db", folder / "library.sqlite")
    assert done.returncode == 1, done.stderr  # one file is broken
    return folder


@pytest.fixture
def messy(scanned_once, tmp_path):
    """The messy library, a copy of its own for each test."""
    return shutil.copytree(scanned_once / "music", tmp_path / "music")


@pytest.fixture
def scanned(scanned_once, messy, tmp_path):
    """The table of the copy, as if the copy had been scanned."""
    db = tmp_path / "library.sqlite"
    shutil.copy(scanned_once / "library.sqlite", db)
    with contextlib.closing(sqlite3.connect(db)) as connection, connection:
        places = (str(scanned_once / "music"), str(messy))
        connection.execute("UPDATE tracks SET path = replace(path, ?, ?), error = replace(error, ?, ?)", places * 2)
    return db


def scan(*arguments: object, **options):
    """Run a scan in one process."""
    return command("scan", "--jobs", "1", *arguments, **options)


def rows(db: Path, *columns: str) -> list[tuple]:
    """Return columns of a table's rows, by path; none where there is no table yet."""
    with contextlib.closing(sqlite3.connect(db)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'tracks'").fetchone():
            return []
        return connection.execute(f"SELECT {', '.join(columns)} FROM tracks ORDER BY path").fetchall()


def answers(db: Path) -> dict[str, tuple]:
    """Return what each row says of its file's sound."""
    columns = ("audio_hash", "genre", "probs", "votes", "segments", "error", "missing")
    return {path: tuple(rest) for path, *rest in rows(db, "path", *columns)}
