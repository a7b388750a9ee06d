"""A scan: find the files, classify those that are new or changed, keep the table."""

import contextlib
import dataclasses
import importlib.metadata
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

from genrestream.errors import AudioError, OptionError, UsageError
from genrestream.inference import checkpoint, shipped
from genrestream.inference.checkpoint import Checkpoint
from genrestream.library.config import ScanConfig
from genrestream.library.table import store
from genrestream.library.table.database import Database, Plan, copied
from genrestream.library.table.names import absolute, to_text
from genrestream.library.table.track import Found, Track, from_dict
from genrestream.library.walk import Choice, files_below, has_music_suffix
from genrestream.library.work.batcher import Batcher
from genrestream.library.work.pool import Pool
from genrestream.library.work.process import Answer
from genrestream.library.work.settings import WorkerSettings
from genrestream.streaming.config import n_cores

FOUND_AT_ONCE = 2000
IN_ORDER = "a stateful model, which takes the chunks of one file in order"
CHANGED = "was changed while it was read; the next scan classifies it again"


class Watcher(Protocol):
    """Takes the progress of a scan."""

    def found(self, n: int) -> None:
        """Take the number of files found so far."""

    def begin(self, n: int, n_unchanged: int) -> None:
        """Take how many files have to be classified, and how many need not."""

    def advance(self, n: int) -> None:
        """Take how many more rows were written."""

    def problem(self, line: str) -> None:
        """Take what went wrong, in one line."""


@dataclasses.dataclass
class Summary:
    """What a scan did.

    Attributes:
        n_found: Files that are there.
        n_unchanged: Files that need not be classified.
        n_classified: Files that were classified.
        n_known: Files whose audio was known under another name.
        n_failed: Files that could not be classified.
        n_missing: Rows of files that are gone.
        n_moved: Rows whose file has another name now.
        n_problems: Folders that could not be read.
        batcher: The network for all workers, where there was one.
    """

    n_found: int = 0
    n_unchanged: int = 0
    n_classified: int = 0
    n_known: int = 0
    n_failed: int = 0
    n_missing: int = 0
    n_moved: int = 0
    n_problems: int = 0
    batcher: Batcher | None = None


class Scan:
    """A scan of folders into an opened table.

    Args:
        roots: Absolute paths of the folders and files to scan.
        config: The options of the scan.
        model: What classifies them.
        database: The table.
        watcher: Takes the progress.

    Raises:
        UsageError: The table was made with other settings, or the model cannot take chunks of many files at once.
    """

    def __init__(self, roots: list[str], config: ScanConfig, model: Checkpoint, database: Database, watcher: Watcher):
        if config.batch and model.card.is_stateful:
            raise OptionError("batch", config.batch, f"cannot be used with {model.card.name}, {IN_ORDER}; leave it out")
        self._roots, self._config, self._model = roots, config, model
        self._database, self._watcher = database, watcher
        self._marks = marks(model)
        database.check_settings(settings_of(model, config))
        self._choice = Choice(config.exclude, config.follow_symlinks, config.part)
        self._closed: list[str] = []
        self._pool: Pool | None = None
        self.summary = Summary()

    @contextlib.contextmanager
    def workers(self) -> Iterator[None]:
        """Provide the workers in the block; they start with the first file that has to be classified."""
        settings = WorkerSettings(self._config.model, self._config.per_track, self._config.batch > 0)
        batcher = None
        with contextlib.ExitStack() as stack:
            if self._config.batch:
                from genrestream.inference.program import Program  # without --batch only the workers have a network

                program = Program(self._model, (self._config.batch, 1))
                n_samples = self._model.card.frontend.n_samples
                batcher = Batcher(program, self._config.batch, n_samples, lambda error: pool.fail(error))
                stack.callback(batcher.close)
                self.summary.batcher = batcher
            pool = stack.enter_context(Pool(settings, self._config.jobs or n_cores(), batcher))
            self._pool = pool
            yield

    def run(self) -> None:
        """Search all folders, classify what has to be classified, and mark what is gone."""
        plan, self._closed = Plan(self._database), []
        for root in self._roots:
            for n in _noted(plan, files_below(root, self._choice, self._problem)):
                self.summary.n_found = n
                self._watcher.found(n)
        n = plan.close(self._config.retry)
        self.summary.n_unchanged = self.summary.n_found - n
        self._watcher.begin(n, self.summary.n_unchanged)
        self._classify(plan)
        self._mark_gone(plan, self._roots)

    def again(self, changed: Iterable[str]) -> None:
        """Look at paths that were added, changed or deleted (``--watch``)."""
        plan, self._closed = Plan(self._database), []
        paths = sorted({absolute(path) for path in changed})
        for path in paths:
            for _ in _noted(plan, self._files_at(path)):
                pass
        if n := plan.close(retry=False):
            self._watcher.begin(n, 0)
            self._classify(plan)
        self._mark_gone(plan, paths)

    def _files_at(self, path: str) -> Iterator[Found]:
        """Yield the files of a path that changed, as a scan of its root would find them."""
        root = next((one for one in self._roots if _is_below(path, one)), None)
        if not root or self._choice.leaves_out_below(root, path):
            return
        if os.path.islink(path) and not self._config.follow_symlinks:
            return
        for one in files_below(path, self._choice, self._unless_gone):
            if self._choice.has(root, one.path) and has_music_suffix(one.path):
                yield one

    def _mark_gone(self, plan: Plan, searched: list[str]) -> None:
        n_missing, n_moved = plan.gone(searched, self._closed)
        self.summary.n_missing += n_missing
        self.summary.n_moved += n_moved

    def _problem(self, path: str, line: str) -> None:
        self._closed.append(path)
        self.summary.n_problems += 1
        self._watcher.problem(line)

    def _unless_gone(self, path: str, line: str) -> None:
        """Take a problem with a path that changed; that it was deleted is none, unless it is a whole root."""
        if path in self._roots or not _is_gone(path):
            self._problem(path, line)

    def _classify(self, plan: Plan) -> None:
        assert self._pool
        is_known = self._is_known
        for answer in self._pool.answers(plan.to_classify(), is_known):
            if not os.path.lexists(answer.found.path):
                self._gone(answer.found.path)
                continue
            track = self._track(answer)
            self._database.put(track)
            if track.error:
                self.summary.n_failed += 1
                self._watcher.problem(track.error)
            elif answer.row is None:
                self.summary.n_known += 1
            else:
                self.summary.n_classified += 1
            self._watcher.advance(1)

    def _gone(self, path: str) -> None:
        """Report a file that went away; it gets no row, so the next scan classifies it when it is back."""
        root = next(one for one in self._roots if _is_below(path, one))
        if root != path and not os.path.isdir(root):
            raise AudioError(f"{root}: went away while it was scanned; bring it back, and run the same again")
        self.summary.n_failed += 1
        self._watcher.problem(f"{path}: went away before it was classified")

    def _is_known(self, audio_hash: str) -> bool:
        return self._database.known(audio_hash) is not None

    def _track(self, answer: Answer) -> Track:
        found = answer.found
        if is_changed(found):
            return self._failed(answer, f"{found.path}: {CHANGED}")
        if answer.error:
            return self._failed(answer, answer.error)
        if answer.row is None and (known := self._database.known(answer.audio_hash)):
            return copied(known, found)
        return from_dict(self._fields(answer) | (answer.row or {}))

    def _failed(self, answer: Answer, error: str) -> Track:
        return from_dict(self._fields(answer) | {"error": to_text(error)})  # it names the path, which may be no UTF-8

    def _fields(self, answer: Answer) -> dict[str, Any]:
        known = {"audio_hash": answer.audio_hash, "duration_s": answer.duration_s}
        return dataclasses.asdict(answer.found) | known | self._marks


def scan(folders: Sequence[str], config: ScanConfig, watcher: Watcher, then: Callable[[Scan], None]) -> Summary:
    """Scan folders into the table that the config names.

    Args:
        folders: Folders and files.
        config: The options of the scan.
        watcher: Takes the progress.
        then: Is called after the scan while the workers are there, for ``--watch``.

    Raises:
        UsageError: There is no such folder or model, or the table belongs to another program or is in use.
        OutputError: The table cannot be written.
    """
    roots, model = roots_of(folders), checkpoint.read(shipped.find(config.model))
    if not os.path.lexists(config.db) and not any(map(os.path.lexists, roots)):  # nothing to make a table of
        raise UsageError(f"{roots[0]}: no such file or directory; name a folder of music")
    with store.opened(config.db) as database:
        run = Scan(roots, config, model, database, watcher)
        with run.workers():
            run.run()
            then(run)
        if config.prune:
            with database.writing():
                database.sql.execute("DELETE FROM tracks WHERE missing")
        return run.summary


def roots_of(folders: Sequence[str]) -> list[str]:
    """Return the folders' absolute paths.

    Raises:
        UsageError: None is given.
    """
    if not folders or not all(folders):  # an empty name would be the folder that one is in
        raise UsageError("no folder; name what to scan, such as ~/Music")
    return list(dict.fromkeys(map(absolute, folders)))


def settings_of(model: Checkpoint, config: ScanConfig) -> dict[str, str]:
    """Return what all rows of a table have in common."""
    known = marks(model)
    return {"model": known["model"], "weights": known["model_version"], "--per-track": f"{config.per_track:g}"}


def marks(model: Checkpoint) -> dict[str, str]:
    """Return the columns that record which model and version made a row."""
    digest = model.card.weights_sha256 or model.card.weights_of
    version = importlib.metadata.version("genrestream")
    return {"model": model.card.name, "model_version": digest[:12], "version": version}


def is_changed(found: Found) -> bool:
    """Whether a file is not as it was when it was found."""
    try:
        status = os.stat(found.path)
    except OSError:
        return True
    return (status.st_size, status.st_mtime_ns) != (found.size, found.mtime_ns)


def _noted(plan: Plan, files: Iterator[Found]) -> Iterator[int]:
    """Put files into a plan, some at a time; yield how many it has."""
    while some := list(itertools.islice(files, FOUND_AT_ONCE)):  # the disk is read outside of the transaction
        yield plan.add(some)


def _is_gone(path: str) -> bool:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # it may be there: nothing is known of it
        return False
    return False


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)
