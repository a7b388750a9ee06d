"""The music in a folder: what is there, what is no music, and what may not be read."""

import collections
import dataclasses
import os
import re
import stat
from collections.abc import Iterator

from genrestream.audio.formats import is_url, local_path
from genrestream.audio.listing import playlists
from genrestream.audio.listing.suffixes import music_suffixes
from genrestream.errors import AudioError

# Folders of system programs: trash, archives' and servers' copies, notebooks' backups.
NOT_MUSIC = frozenset(("__MACOSX", "@eaDir", "lost+found", "$RECYCLE.BIN", "System Volume Information"))

N_KINDS = 8  # kinds of files that are named among those left out


@dataclasses.dataclass
class Found:
    """What a folder holds.

    Attributes:
        files: The music, sorted.
        left_out: Files that are no music, counted by their suffix.
        problems: Folders that cannot be read, a line each.
    """

    files: list[str] = dataclasses.field(default_factory=list)
    left_out: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    problems: list[str] = dataclasses.field(default_factory=list)

    @property
    def summary(self) -> str:
        """What was left out, in one line; empty where nothing was."""
        n = self.left_out.total()
        ranked = sorted(
            self.left_out.items(), key=lambda counted: (-counted[1], not counted[0].startswith("."), counted)
        )
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in ranked[:N_KINDS])
        more = ", …" if len(ranked) > N_KINDS else ""
        return f"{n} file{'s' * (n != 1)} left out: {kinds}{more}" if n else ""


def expand(path: str) -> list[str]:
    """Return the audio files below a folder, sorted, or the path itself where it is no folder.

    Raises:
        AudioError: The folder holds no audio file, or cannot be read.
    """
    found = search(path)
    if not found.files and found.problems:
        raise AudioError(found.problems[0])
    return found.files


def search(path: str, is_playlist: bool = False) -> Found:
    """Find the music below a folder; a path that is no folder stands for itself.

    Linked folders are followed, each folder once. Hidden files and folders are skipped.

    Args:
        path: A folder, a file, ``-``, or an address.
        is_playlist: Whether a file that is named like a playlist stands for the files that it lists.

    Raises:
        AudioError: The folder holds no music, and all of it could be read; or the playlist cannot be read.
    """
    if path == "-" or is_url(path):
        return Found([path])
    folder = local_path(path)
    if not os.path.isdir(folder):
        is_list = is_playlist and folder.lower().endswith(playlists.SUFFIXES)
        return Found(playlists.files(folder) if is_list else [path])
    found, seen = Found(), set[str]()
    _walk(folder, found, seen)
    found.files.sort()
    if not found.files and not found.problems:
        left_out = f" ({found.summary})" if found.summary else ""
        raise AudioError(f"{path}: no audio file in this folder{left_out}; name one, or a folder that has some")
    return found


def _walk(folder: str, found: Found, seen: set[str]) -> None:
    folders = [folder]
    while folders:
        folder = folders.pop()
        real = os.path.realpath(folder)
        if real in seen:
            continue
        seen.add(real)
        try:
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            found.problems.append(f"{folder}: cannot be read ({(error.strerror or str(error)).lower()})")
            continue
        folders += _sorted_in(listed, found, folder)


def _sorted_in(entries: list[os.DirEntry[str]], found: Found, folder: str) -> Iterator[str]:
    """Sort a folder's entries into music, what is none, and the folders in it, which are yielded."""
    n_closed, cause = 0, ""
    for entry in entries:
        if entry.name.startswith(".") or entry.name in NOT_MUSIC:
            continue
        try:
            kind = entry.stat().st_mode
        except OSError as error:
            if entry.is_symlink():
                found.problems.append(f"{entry.path}: is a link to nothing")
            else:  # the folder may be listed, but not entered
                n_closed, cause = n_closed + 1, (error.strerror or str(error)).lower()
            continue
        suffix = os.path.splitext(entry.name)[1].lower()
        if stat.S_ISDIR(kind):
            yield entry.path
        elif stat.S_ISREG(kind) and suffix in music_suffixes():
            found.files.append(entry.path)
        else:
            found.left_out[_named(suffix, kind)] += 1
    if n_closed:
        found.problems.append(f"{folder}: may be listed but not entered, {n_closed} entries left out ({cause})")


def _named(suffix: str, mode: int) -> str:
    if not stat.S_ISREG(mode):
        return "pipe or device"
    return suffix if re.fullmatch(r"\.[\w+-]{1,12}", suffix) else "without a known suffix"
