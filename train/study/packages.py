"""Files of Debian's packages, fetched with apt-get and unpacked without root."""

import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from genrestream.errors import UsageError


def fetch(package: str, wanted: Callable[[str], bool], folder: Path) -> None:
    """Download a Debian package and unpack some of its files.

    Args:
        package: Its name.
        wanted: Whether to unpack a file, by its path in the package, such as ``usr/share/sounds/bell.oga``.
        folder: Where the files go, under the same paths.

    Raises:
        UsageError: apt-get is missing, or the package cannot be downloaded.
    """
    with tempfile.TemporaryDirectory() as scratch:
        try:
            run = subprocess.run(["apt-get", "download", package], cwd=scratch, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise UsageError(f"{package}: apt-get is missing; run this on Debian 12 and copy the folder") from error
        debs = list(Path(scratch).glob("*.deb"))
        if run.returncode or not debs:
            last = (run.stderr.strip().splitlines() or ["nothing came"])[-1]
            raise UsageError(f"{package}: cannot be downloaded ({last}); run apt-get update, on Debian 12")
        unpack(debs[0], wanted, folder)


def unpack(deb: Path, wanted: Callable[[str], bool], folder: Path) -> None:
    """Unpack the wanted files of a Debian package, links left out; the arguments are those of ``fetch``."""
    with (
        subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as reader,
        tarfile.open(fileobj=reader.stdout, mode="r|") as content,
    ):
        for member in content:
            name = member.name.removeprefix("./")
            if member.isfile() and wanted(name) and (file := content.extractfile(member)):
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.read())
