"""Sounds inside the archives that games keep their files in."""

import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

ZIPS = (".pk3", ".wz", ".zip")
SUFFIXES = (*ZIPS, ".cat")  # OpenTTD's: WAV files, one after another


def expand(folder: Path, wanted: Callable[[str], bool]) -> None:
    """Replace each archive in a folder by a folder with its wanted files, named as the archive and ``.d``.

    Args:
        folder: Searched with all its folders.
        wanted: Whether to keep a file, by its path in the folder, such as ``usr/share/pak0.pk3.d/sound/door.wav``.
    """
    for archive in sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file()):
        target = archive.with_name(f"{archive.name}.d")
        for name, content in _zipped(archive) if archive.suffix in ZIPS else _waves(archive):
            file = target / name
            if ".." not in file.parts and wanted(file.relative_to(folder).as_posix()):
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content())
        archive.unlink()


def _zipped(archive: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    with zipfile.ZipFile(archive) as content:
        for name in content.namelist():
            yield name.lstrip("/"), lambda name=name: content.read(name)


def _waves(archive: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    content = archive.read_bytes()
    for number, found in enumerate(re.finditer(b"RIFF(....)WAVE", content, re.DOTALL)):
        whole = slice(found.start(), found.start() + 8 + int.from_bytes(found[1], "little"))
        yield f"{number:03d}.wav", lambda whole=whole: content[whole]
