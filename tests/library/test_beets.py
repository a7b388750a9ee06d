"""The plug-in in a real beets, with a real library file."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.conftest import METAL, ROOT

library = pytest.importorskip("beets.library", reason="beets, of the extra beets, is missing")


def beet(folder, *arguments):
    environment = os.environ | {"BEETSDIR": str(folder), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "beets", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=True)


def test_import_fills_the_genre_where_there_is_none(tmp_path, default):
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    shutil.copy(METAL, incoming / "metal.ogg")
    (tmp_path / "config.yaml").write_text(
        f"directory: {tmp_path / 'music'}\nlibrary: {tmp_path / 'library.db'}\nplugins: genrestream\n"
        "import: {copy: yes, autotag: no, quiet: yes}\n"
    )
    beet(tmp_path, "import", "-A", incoming)
    field = "$genres" if "genres" in library.Item._fields else "$genre"
    assert beet(tmp_path, "ls", "-f", field).stdout.strip() == "Metal"
    (copy,) = (tmp_path / "music").rglob("*.ogg")
    mutagen = pytest.importorskip("mutagen")
    assert mutagen.File(copy).tags["genre"] == ["Metal"]  # in the file as well
    beet(tmp_path, "modify", "-y", f"{field[1:]}=Polka")
    beet(tmp_path, "genrestream")
    assert beet(tmp_path, "ls", "-f", field).stdout.strip() == "Polka"
    beet(tmp_path, "genrestream", "--force", "--pretend")
    assert beet(tmp_path, "ls", "-f", field).stdout.strip() == "Polka"
    beet(tmp_path, "genrestream", "--force")
    assert beet(tmp_path, "ls", "-f", field).stdout.strip() == "Metal"
