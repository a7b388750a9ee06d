"""The content digest of each audio file, remembered between runs."""

import functools
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

from genrestream.files import replacing, writing

REMEDY = "make room, or name another folder with --cache"
DIGEST = re.compile("[0-9a-f]{32}")

Known = dict[str, list[Any]]  # by absolute path: size in bytes, time of change in ns, digest


class Digests:
    """The content digest of each file, remembered by its size and time so that a start need not read all music.

    Args:
        path: Where they are kept: a list with its own checksum, so that damage cannot give a track another's audio.
    """

    def __init__(self, path: Path):
        self._path = path
        self._known = self._read(warns=True)
        self._current: dict[Path, str] = {}
        self._is_saved = True

    def __getitem__(self, path: Path) -> str:
        if path not in self._current:
            status, name = path.stat(), str(path.resolve())
            known = self._known.get(name)
            if known is None or known[:2] != [status.st_size, status.st_mtime_ns]:
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, functools.partial(hashlib.blake2b, digest_size=16)).hexdigest()
                self._known[name] = [status.st_size, status.st_mtime_ns, digest]
                self._is_saved = False
            self._current[path] = self._known[name][2]
        return self._current[path]

    def know(self, path: Path, digest: str) -> None:
        """Take over the digest of a file that is not read here."""
        self._current[path] = digest

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_known": {}}  # a worker process needs those of its tracks only

    def save(self) -> None:
        """Keep what is known for the next start; what another process wrote in the meantime stays."""
        if self._is_saved:
            return
        self._known = self._read() | self._known
        self._is_saved = True
        with writing(self._path, REMEDY), replacing(self._path) as file:
            file.write(json.dumps({"checksum": _checksum(self._known), "files": self._known}).encode())

    def _read(self, warns: bool = False) -> Known:
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            files = kept["files"]
            if kept["checksum"] != _checksum(files) or not all(map(_is_entry, files.values())):
                raise ValueError("another checksum")
            return files
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            if warns:
                print(f"warning: {self._path}: is damaged or of an older version; written again", file=sys.stderr)
            return {}


def _checksum(files: Known) -> str:
    return hashlib.blake2b(json.dumps(files, sort_keys=True).encode(), digest_size=16).hexdigest()


def _is_entry(entry: list[Any]) -> bool:
    size, time_ns, digest = entry
    return type(size) is int and type(time_ns) is int and bool(DIGEST.fullmatch(digest))
