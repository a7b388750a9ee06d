"""Files of any filesystem: local paths, or addresses such as ``s3://bucket/music`` that fsspec reads."""

import contextlib
import datetime
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from genrestream.audio.formats import scheme
from genrestream.audio.listing.suffixes import music_suffixes
from genrestream.errors import AudioError, UsageError, first_line
from genrestream.library.table.names import absolute
from genrestream.library.table.track import Found
from genrestream.library.walk import Choice, files_below


def place_of(path: str) -> str:
    """Return a path as tables hold it: absolute, or the address unchanged."""
    return path if scheme(path) else absolute(path)


def files_of(place: str, choice: Choice, problem: Callable[[str, str], None]) -> Iterator[Found]:
    """Yield the music below a folder of any filesystem, the same files as ``walk.files_below``.

    Raises:
        UsageError: A package for this kind of address is missing.
        AudioError: The folder cannot be listed.
    """
    if not scheme(place):
        yield from files_below(place, choice, problem)
        return
    filesystem, root = opened(place)
    try:
        found = filesystem.find(root, detail=True)
    except Exception as error:  # each filesystem has its own errors
        raise AudioError(f"{place}: cannot be listed ({first_line(error)})") from error
    for name, about in sorted(found.items()):
        path = filesystem.unstrip_protocol(name)
        is_music = os.path.splitext(name)[1].lower() in music_suffixes()
        if name == root or (is_music and not choice.leaves_out_below(root, name) and choice.has(root, name)):
            yield Found(path, int(about.get("size") or 0), _mtime_ns(about))


def files_below_all(places: Sequence[str], choice: Choice, problem: Callable[[str, str], None]) -> Iterator[Found]:
    """Yield the music below several folders, as ``files_of`` does; a file that lies below two of them comes once."""
    seen = set[str]()
    for place in map(place_of, places):
        for found in files_of(place, choice, problem):
            if found.path not in seen:
                seen.add(found.path)
                yield found


def opened(place: str) -> tuple[Any, str]:
    """Return the filesystem of an address and the path in it.

    Raises:
        UsageError: There is no such filesystem, or its package is missing.
    """
    import fsspec

    try:
        return fsspec.core.url_to_fs(place)
    except (ImportError, ValueError) as error:
        raise UsageError(f"{place}: cannot be read by fsspec ({first_line(error)})") from error


@contextlib.contextmanager
def local_copy(path: str) -> Iterator[str]:
    """Yield a path on this machine: the file itself, or a copy that is deleted after the block.

    Raises:
        AudioError: It cannot be fetched.
    """
    if not scheme(path):
        yield path
        return
    filesystem, name = opened(path)
    with tempfile.TemporaryDirectory(prefix="genrestream-") as folder:
        copy = os.path.join(folder, "song" + os.path.splitext(name)[1])
        try:
            filesystem.get_file(name, copy)
        except Exception as error:  # each filesystem has its own errors
            raise AudioError(f"{path}: cannot be fetched ({first_line(error)})") from error
        yield copy


def _mtime_ns(about: dict[str, Any]) -> int:
    """Return when a file was changed, in nanoseconds since 1970; 0 if its filesystem does not tell."""
    for name in ("mtime", "LastModified", "last_modified", "updated", "created"):
        value = about.get(name)
        if isinstance(value, int | float):
            return int(value * 1e9)
        if isinstance(value, datetime.datetime):
            return int(value.timestamp() * 1e9)
    return 0
