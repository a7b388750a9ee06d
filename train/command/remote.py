"""Folders on object stores, such as ``s3://`` and ``gs://``, by fsspec: copied to this machine, and back to the store.

A training reads and writes files of this machine. What it reads is copied once, what it writes during the run.
"""

import contextlib
import functools
import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from rich.console import Console
from rich.progress import track as progress

from genrestream.errors import OutputError, UsageError, first_line
from genrestream.files import replacing, writing
from genrestream.inference.cache_folder import cache_folder
from train.command.paths import address_of

EVERY_S = 30.0  # from one copy of a run to the next
AT_ONCE = 64  # files
FIRST = "state"  # checkpoints go before metrics, or a line of the metrics could be missing on resuming
Listing = dict[str, str]  # by path below a folder, what changes with a file's content


@functools.cache  # five folds train on the same files
def local(path: Path) -> Path:
    """Return a folder of this machine: the path itself, or a copy of what the store has, made now and kept.

    Raises:
        UsageError: fsspec does not know the store, cannot read it, or finds nothing there.
    """
    if not (address := address_of(path)):
        return path
    copy = _place(address)
    store = _Store(address)
    store.fetch(copy)
    if not any(copy.iterdir()):
        raise UsageError(f"{address}: holds no files; name a folder with some")
    return copy


@contextlib.contextmanager
def mirrored(path: Path, resumes: bool = True, writes: bool = True) -> Iterator[Path]:
    """Give a local folder whose files are copied to the store that a path names, every half minute and at the end.

    Args:
        path: A run's folder; one of this machine is given as it is.
        resumes: Whether the store may hold something there, which is fetched first.
        writes: Whether this process is the one that copies to the store.

    Raises:
        UsageError: fsspec does not know the store or cannot read it, or it holds a run that is not to be resumed.
        OutputError: The last copy failed; the folder of this machine is whole.
    """
    if not (address := address_of(path)):
        yield path
        return
    store, folder = _Store(address), _place(address)
    if writes and not resumes and store.listing():
        raise UsageError(f"--output {address}: holds files already; go on with --resume, or name another folder")
    store.fetch(folder)
    if not writes:
        yield folder
        return
    ended = threading.Event()

    def copy() -> None:
        while not ended.wait(EVERY_S):
            with contextlib.suppress(OutputError):  # the next try may do better, and the last one says so
                store.send(folder)

    thread = threading.Thread(target=copy, name="copies to the store", daemon=True)
    thread.start()
    try:
        yield folder
    finally:
        ended.set()
        thread.join()
        store.send(folder)


def _place(address: str) -> Path:
    cache = cache_folder("remote")
    if cache is None:
        raise UsageError(f"{address}: there is no cache folder that only this user can write; set GENRESTREAM_CACHE")
    digest = hashlib.sha256(address.encode()).hexdigest()[:16]
    return cache / digest / PurePosixPath(address).name


class _Store:
    """A folder on an object store."""

    def __init__(self, address: str):
        self.address = address
        self._sent: Listing = {}
        try:
            import fsspec  # optional, as are the packages that it asks for

            self._files, root = fsspec.core.url_to_fs(address)
        except (ImportError, ValueError) as error:
            raise UsageError(f"{address}: {first_line(error)}; or mount the bucket and name its folder") from error
        self._root = root.rstrip("/")

    def listing(self) -> Listing:
        """Return what is there.

        Raises:
            UsageError: It cannot be read, or a name there is not a valid file name here.
        """
        with self._reading():
            self._files.invalidate_cache()
            found = self._files.find(self._root, detail=True) if self._files.exists(self._root) else {}
        listing = {}
        for path, about in found.items():
            if about["type"] != "file":  # some stores keep empty objects as folders
                continue
            name = path[len(self._root) :].lstrip("/")
            if not name or ".." in PurePosixPath(name).parts or "\\" in name:
                raise UsageError(f"{self.address}: {path!r} is not a valid file name on this machine; rename it")
            listing[name] = hashlib.sha256(repr(sorted(about.items())).encode()).hexdigest()
        return listing

    def fetch(self, folder: Path) -> None:
        """Make a local folder a copy of what is there; files that it has already are not fetched again.

        Raises:
            UsageError: The store cannot be read.
            OutputError: The folder cannot be written.
        """
        there, index = self.listing(), folder.with_name(f"{folder.name}.json")
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            here = _files_in(folder)
            known = _known(index)
            for name in set(here) - set(there):
                (folder / name).unlink()
            missing = sorted(name for name in there if known.get(name) != [there[name], here.get(name)])
            starts, console = range(0, len(missing), AT_ONCE), Console(stderr=True)
            for start in progress(starts, self.address, console=console, disable=not console.is_terminal):
                some = missing[start : start + AT_ONCE]
                self._get(folder, some)
                known |= {name: [there[name], _state(folder / name)] for name in some}
                with replacing(index) as file:
                    file.write(json.dumps(known).encode())
        self._sent = _files_in(folder)

    def _get(self, folder: Path, names: list[str]) -> None:
        parts = [folder / f"{name}.part" for name in names]
        for part in parts:
            part.parent.mkdir(parents=True, exist_ok=True)
        with self._reading():
            self._files.get([f"{self._root}/{name}" for name in names], list(map(str, parts)))
        for part in parts:
            part.replace(part.with_suffix(""))

    def send(self, folder: Path) -> None:
        """Copy files that are new or changed since the last time, and remove there those that are gone here.

        Raises:
            OutputError: The store cannot be written.
        """
        here = _files_in(folder)
        try:
            for name in sorted(here, key=lambda name: not name.startswith(FIRST)):
                if self._sent.get(name) != here[name] and (folder / name).exists():
                    self._files.put_file(str(folder / name), f"{self._root}/{name}")
                    self._sent[name] = here[name]
            for name in set(self._sent) - set(here):
                self._files.rm_file(f"{self._root}/{name}")
                del self._sent[name]
        except Exception as error:  # stores raise errors of many types
            said = f"cannot be written ({first_line(error)}); {folder} is whole, copy it there"
            raise OutputError(f"{self.address}: {said}") from error

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # stores raise errors of many types
            raise UsageError(f"{self.address}: cannot be read ({first_line(error)})") from error


def _known(index: Path) -> dict[str, list[str]]:
    """Return what was fetched before: the state of each file there, and here; nothing where the list is damaged."""
    try:
        known = json.loads(index.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}


def _files_in(folder: Path) -> Listing:
    """Return the files of a folder that are to be copied, and what changes with their content."""
    files = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    return {
        name.as_posix(): _state(path)
        for name, path in files.items()
        if name.name != "lock" and not any(part.endswith(".part") for part in name.parts)
    }


def _state(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:  # removed by the training in the meantime
        return ""
    return f"{status.st_size} {status.st_mtime_ns}"
