import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from genrestream.errors import UsageError
from train.study.packages import fetch, unpack

needs_dpkg = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs dpkg-deb")
FIELDS = {"Package": "sounds", "Version": "1", "Architecture": "all", "Maintainer": "none <a@b>", "Description": "x"}


def make_deb(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Build a Debian package of some files."""
    tree = folder / "tree"
    for name, content in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(content)
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN" / "control").write_text("".join(f"{name}: {value}\n" for name, value in FIELDS.items()))
    deb = folder / "sounds.deb"
    subprocess.run(["dpkg-deb", "--build", tree, deb], check=True, capture_output=True)
    return deb


@needs_dpkg
def test_only_the_wanted_files_of_a_package_are_unpacked(tmp_path):
    deb = make_deb(tmp_path, {"usr/music/a song.ogg": b"song", "usr/music/other.ogg": b"other"})
    unpack(deb, ["usr/music/a song.ogg", "usr/music/none.ogg"].__contains__, tmp_path / "out")
    files = [file for file in (tmp_path / "out").rglob("*") if file.is_file()]
    assert files == [tmp_path / "out" / "usr" / "music" / "a song.ogg"]
    assert files[0].read_bytes() == b"song"


@pytest.mark.skipif(not shutil.which("apt-get"), reason="needs apt-get")
def test_a_package_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match="no-such-package-at-all: cannot be downloaded"):
        fetch("no-such-package-at-all", {"x"}.__contains__, tmp_path)


def test_without_apt_the_error_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="bell: apt-get is missing"):
        fetch("bell", {"x"}.__contains__, tmp_path)
