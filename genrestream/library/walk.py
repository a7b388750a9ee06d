"""The music files below folders, one after another: a library of any size takes the same memory."""

import dataclasses
import fnmatch
import os
import stat
import zlib
from collections.abc import Callable, Iterator

from genrestream.audio.listing.folders import NOT_MUSIC
from genrestream.audio.listing.suffixes import music_suffixes
from genrestream.library.table.track import Found


@dataclasses.dataclass(frozen=True)
class Choice:
    """Which files of a folder count.

    Attributes:
        exclude: Patterns of names or paths that are left out.
        follow_symlinks: Whether links are followed.
        part: Which part of the files, from 0, and how many parts there are.
    """

    exclude: tuple[str, ...] = ()
    follow_symlinks: bool = False
    part: tuple[int, int] = (0, 1)

    def leaves_out(self, path: str) -> bool:
        """Whether a path is hidden, a system's, or excluded."""
        name = os.path.basename(path)
        if name.startswith(".") or name in NOT_MUSIC:
            return True
        return any(fnmatch.fnmatch(name, one) or fnmatch.fnmatch(path, one) for one in self.exclude)

    def leaves_out_below(self, root: str, path: str) -> bool:
        """Whether a path below a root, or a folder between the two, is left out; the root itself never is."""
        while os.path.basename(path) and len(path) > len(root):
            if self.leaves_out(path):
                return True
            path = os.path.dirname(path)
        return False

    def has(self, root: str, path: str) -> bool:
        """Whether a file belongs to the part: by its path below the root, which is the same on all machines."""
        number, n = self.part
        return n == 1 or zlib.crc32(os.fsencode(os.path.relpath(path, root))) % n == number


def files_below(root: str, choice: Choice, problem: Callable[[str, str], None]) -> Iterator[Found]:
    """Yield the music below a folder; a file stands for itself, whatever its name.

    Args:
        root: An absolute path.
        choice: Which files count.
        problem: Is called with each folder that cannot be read, and one line on it.
    """
    try:
        status = os.stat(root)
    except OSError as error:
        return problem(root, f"{root}: {_cause(error)}")
    if not stat.S_ISDIR(status.st_mode):
        if stat.S_ISREG(status.st_mode):
            yield Found(root, status.st_size, status.st_mtime_ns)
        else:
            problem(root, f"{root}: is a pipe or device; name a folder or file")
        return
    yield from _walk(root, choice, problem)


def _walk(root: str, choice: Choice, problem: Callable[[str, str], None]) -> Iterator[Found]:
    folders, seen = [root], set[tuple[int, int]]()
    while folders:
        folder = folders.pop()
        try:
            if choice.follow_symlinks and _was_seen(folder, seen):
                continue
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            problem(folder, f"{folder}: cannot be read ({_cause(error)})")
            continue
        inner = []
        for entry in listed:
            if choice.leaves_out(entry.path) or (entry.is_symlink() and not choice.follow_symlinks):
                continue
            try:
                status = entry.stat()
            except OSError as error:
                if not entry.is_symlink():  # a link to nothing, or in a circle, is no file
                    problem(entry.path, f"{entry.path}: cannot be read ({_cause(error)})")
                continue
            if stat.S_ISDIR(status.st_mode):
                inner.append(entry.path)
            elif _is_music(entry.name, status) and choice.has(root, entry.path):
                yield Found(entry.path, status.st_size, status.st_mtime_ns)
        folders += reversed(inner)


def _was_seen(folder: str, seen: set[tuple[int, int]]) -> bool:
    status = os.stat(folder)
    identity = status.st_dev, status.st_ino
    if identity in seen:
        return True
    seen.add(identity)
    return False


def _is_music(name: str, status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and has_music_suffix(name)


def has_music_suffix(path: str) -> bool:
    """Whether a file's suffix is one of music."""
    return os.path.splitext(path)[1].lower() in music_suffixes()


def _cause(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
