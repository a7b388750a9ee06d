"""The content digest of each audio file, remembered between runs."""

import functools
import hashlib
import json
from pathlib import Path
from typing import Any

from genrestream.files import replacing, writing

REMEDY = "make room, or name another folder with --cache"


class Digests:
    """The content digest of each file, remembered by its size and time so that a start need not read all music."""

    def __init__(self, path: Path):
        self._path = path
        self._known: dict[str, list] = self._read()
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

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_known": {}}  # a worker process needs those of its tracks only

    def save(self) -> None:
        """Keep what is known for the next start; what another process wrote in between stays."""
        if self._is_saved:
            return
        self._known = self._read() | self._known
        self._is_saved = True
        with writing(self._path, REMEDY), replacing(self._path) as file:
            file.write(json.dumps(self._known).encode())

    def _read(self) -> dict[str, list]:
        try:
            known = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # none yet, or damaged: the files are read again
            return {}
        return known if isinstance(known, dict) else {}
