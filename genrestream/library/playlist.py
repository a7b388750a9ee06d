"""Playlists of a table: an M3U8 file for each genre."""

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

from genrestream.errors import OutputError
from genrestream.files import replacing, writing
from genrestream.library.config import PlaylistConfig
from genrestream.library.table.names import absolute
from genrestream.library.table.track import Track


def write_playlists(tracks: Iterable[Track], config: PlaylistConfig, problem: Callable[[str], None]) -> dict[str, int]:
    """Write a playlist for each genre that a file is named with.

    Args:
        tracks: The table's rows.
        config: What is listed, and where.
        problem: Is called with each file that no playlist can name.

    Returns:
        How many files each playlist lists, by its path.

    Raises:
        OutputError: A playlist cannot be written.
    """
    folder = Path(absolute(config.output))
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lists: dict[str, list[bytes]] = {}
    for track in tracks:
        genres = [genre for genre, probability in track.named.items() if probability >= config.min_probability]
        if track.error or track.missing or not genres:
            continue
        if "\n" in track.path or "\r" in track.path:
            problem(f"{track.path}: no playlist can hold a name with a line break; rename it")
            continue
        for genre in genres:
            lists.setdefault(genre, []).append(_entry(track, folder if config.relative else None))
    written: dict[str, int] = {}
    for genre, entries in sorted(lists.items()):
        path = folder / f"{_file_name(genre)}.m3u8"
        if str(path) in written:
            raise OutputError(f"{path}: two genres would have this name")
        with writing(path), replacing(path) as file:
            _write(file, entries)
        written[str(path)] = len(entries)
    return written


def _entry(track: Track, folder: Path | None) -> bytes:
    path = os.path.relpath(track.path, folder) if folder else track.path
    title = os.path.splitext(os.path.basename(track.path))[0]
    if path.startswith("#"):  # or it would be a comment
        path = os.path.join(".", path)
    # Bytes: a name that is no UTF-8 is written as it is, which is what players open.
    return os.fsencode(f"#EXTINF:{round(track.duration_s or -1)},{title}\n{path}\n")


def _write(file: IO[bytes], entries: list[bytes]) -> None:
    file.write(b"#EXTM3U\n")
    file.writelines(entries)


def _file_name(genre: str) -> str:
    return re.sub(r"[^\w&+' -]+", "-", genre.replace(" › ", " - ")).strip(" -.") or "genre"
