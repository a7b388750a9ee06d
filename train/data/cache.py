"""The audio cache: each track is decoded once, at the model's rate, and its samples are then mapped into memory.

Each track has one sealed file of int16 samples. The file is named by a digest of the track's content, the rate and the
version of this code. Checksums detect a damaged file, whose track is then decoded again.
"""

import concurrent.futures.process
import dataclasses
import functools
import multiprocessing
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from rich.console import Console
from rich.progress import track as progress

from genrestream.audio.chunks import MIN_PIECE_S
from genrestream.errors import AudioError, OutputError, UsageError
from genrestream.files import writing
from genrestream.inference.cache_folder import cache_folder
from genrestream.streaming.config import n_cores
from train.data import hosts, sealed
from train.data.decode import waveform_blocks
from train.data.digests import REMEDY, Digests
from train.data.tracks import Track

VERSION = 3  # of the files: increase it when their format or the result of waveform_blocks changes
MAX_PROBLEM = 300  # characters; JSON writes up to 12 bytes for one
FULL_SCALE = 32767
TRACKS_A_WORKER = 25  # decoding fewer takes less time than starting another process
OPEN_FILES = 128  # memory maps held at once; each holds a file descriptor, and a process may have only 256
ABANDONED_S = 3600.0


@dataclasses.dataclass(frozen=True)
class Filled:
    """The result of decoding.

    Attributes:
        tracks: The tracks that can be used, with their ``seconds``.
        unreadable: Why each of the others cannot be used, by name.
        problems: What is wrong with tracks that can be used, by name.
    """

    tracks: list[Track]
    unreadable: dict[str, str]
    problems: dict[str, str]


class AudioCache:
    """Decoded tracks on disk, safe to share between processes.

    Args:
        sample_rate: Rate of the waveforms, in Hz.
        folder: Where they are kept; ``audio`` in genrestream's cache folder where not given.

    Raises:
        UsageError: No folder is given and the user has none for caches.
        OutputError: The folder cannot be made.
    """

    def __init__(self, sample_rate: int, folder: Path | None = None):
        self.sample_rate = sample_rate
        if folder is None:
            cache = cache_folder()
            if cache is None:
                raise UsageError("--cache: there is no cache folder that only this user can write; name one")
            folder = cache / "audio"
        self.folder = folder
        self._about: dict[Path, dict[str, Any]] = {}  # the headers of files that passed the check
        self._digests = Digests(folder / "digests.json")
        with writing(folder, REMEDY):
            folder.mkdir(parents=True, exist_ok=True)

    def fill(self, tracks: Sequence[Track], n_workers: int | None = None) -> Filled:
        """Decode what is not in the cache yet, or is damaged there (one warning on stderr).

        Args:
            tracks: The tracks; if they are assigned to several hosts, each decodes its own, and all must call this.
            n_workers: Processes to decode in, 0 for this one; by the number of tracks and cores where not given.

        Raises:
            OutputError: The cache cannot be written.
            UsageError: The hosts see different tracks.
        """
        self._remove_abandoned()
        mine = [track for track in tracks if hosts.is_here(track)]
        with hosts.together():
            failed = self._decode(list(dict.fromkeys(track.path for track in mine)), n_workers)
        if any(track.host is not None for track in tracks):
            self._exchange(tracks, failed)
        return self._filled(tracks, failed)

    def _decode(self, paths: Sequence[Path], n_workers: int | None) -> dict[Path, str]:
        """Decode files that are not in the cache; return why some cannot be read."""
        failed: dict[Path, str] = {}
        with concurrent.futures.ThreadPoolExecutor() as pool:
            states = dict(zip(paths, pool.map(functools.partial(self._state, failed=failed), paths), strict=True))
        self._digests.save()
        self._warn(sorted({self.file(path).name for path, state in states.items() if state == "damaged"}))
        missing = [path for path, state in states.items() if state in ("missing", "damaged")]
        jobs = [(path, self.file(path), self.sample_rate) for path in missing]
        for path, error in zip(missing, _spread(_store, jobs, n_workers), strict=True):
            if error:
                failed[path] = error
        _samples.cache_clear()  # some may be of files that were replaced
        return failed

    def _exchange(self, tracks: Sequence[Track], failed: dict[Path, str]) -> None:
        """Tell the other hosts about the files of this one, and learn about theirs."""
        mine = {
            number: failed.get(track.path) or [self.digest(track.path), self.about(track.path)]
            for number, track in enumerate(tracks)
            if hosts.is_here(track)
        }
        every = hosts.all_gathered({"names": [track.name for track in tracks], "files": mine})
        if any(one["names"] != every[0]["names"] for one in every):
            raise UsageError("--data: the processes see different tracks; give all of them the same folder")
        for number, said in ((int(number), said) for one in every for number, said in one["files"].items()):
            if isinstance(said, str):
                failed[tracks[number].path] = said
            else:
                self.know(tracks[number].path, *said)

    def file(self, path: Path) -> Path:
        """Return where a track's waveform is kept."""
        return self.folder / f"{self._digests[path]}-{self.sample_rate}-v{VERSION}.s16"

    def n_samples(self, track: Track) -> int:
        """Return a track's length in samples."""
        start, stop = self._place(track)
        return stop - start

    def about(self, path: Path) -> dict[str, Any]:
        """Return what is known of a decoded file: ``n_samples``, ``scale`` and ``problems``."""
        return self._said(self.file(path))

    def digest(self, path: Path) -> str:
        """Return the digest of a file's content."""
        return self._digests[path]

    def know(self, path: Path, digest: str, about: dict[str, Any]) -> None:
        """Take over what is known of a file that is not read here."""
        self._digests.know(path, digest)
        self._about[self.file(path)] = about

    def waveform(self, track: Track) -> np.ndarray:
        """Return a track's samples, int16, shape (n_samples,); times ``scale`` they are floats."""
        return self._stored(track.path, *self._place(track))

    def scale(self, track: Track) -> float:
        """Return the factor that makes a track's samples floats from -1 to 1."""
        return self.about(track.path)["scale"]

    def crop(self, track: Track, start: int, n_samples: int) -> np.ndarray:
        """Return a piece of a track as a stream receives it, float32; shorter where the track ends."""
        first, stop = self._place(track)
        piece = self._stored(track.path, first + start, min(stop, first + start + n_samples))
        return piece * np.float32(self.scale(track))

    def _stored(self, path: Path, start: int, stop: int) -> np.ndarray:
        """Return a piece of a file's samples, mapped into memory."""
        return _samples(self.file(path), self.about(path)["n_samples"])[start:stop]

    def _place(self, track: Track) -> tuple[int, int]:
        n_samples = self.about(track.path)["n_samples"]
        if track.start_s is None:
            return 0, n_samples
        start = min(n_samples, round(track.start_s * self.sample_rate))
        return start, min(n_samples, start + round((track.seconds or 0) * self.sample_rate))

    def _said(self, file: Path) -> dict[str, Any]:
        """Return a cached file's header; the first call in a process checks the whole file."""
        if file not in self._about:
            self._about[file] = sealed.verify(file).about
        return self._about[file]

    def _state(self, path: Path, failed: dict[Path, str]) -> str:
        """Return ``whole``, ``missing`` or ``damaged`` for a track's cached file; note why a track cannot be read."""
        try:
            file = self.file(path)
        except OSError as error:
            failed[path] = f"{path}: {(error.strerror or str(error)).lower()}"
            return "unreadable"
        if not file.exists():
            return "missing"
        try:
            self._said(file)
        except sealed.DamagedError:
            return "damaged"
        return "whole"

    def _warn(self, damaged: list[str]) -> None:
        if damaged:
            more = f" and {len(damaged) - 1} more" if len(damaged) > 1 else ""
            print(f"warning: {self.folder}: {damaged[0]}{more}: damaged, decoded again", file=sys.stderr)

    def _filled(self, tracks: Sequence[Track], failed: dict[Path, str]) -> Filled:
        filled = Filled([], {}, {})
        for track in tracks:
            if track.path in failed:
                filled.unreadable[track.name] = failed[track.path]
                continue
            seconds = self.n_samples(track) / self.sample_rate
            if seconds < MIN_PIECE_S:
                filled.unreadable[track.name] = f"{track.path}: {seconds:.2f} s are too short for a chunk"
                continue
            filled.tracks.append(dataclasses.replace(track, seconds=seconds) if track.start_s is None else track)
            if problems := self.about(track.path)["problems"]:
                filled.problems[track.name] = f"{track.path}: {problems}"
        return filled

    def _remove_abandoned(self) -> None:
        """Remove files that killed processes left half written."""
        for part in self.folder.glob("*.part"):
            try:
                if time.time() - part.stat().st_mtime > ABANDONED_S:
                    part.unlink()
            except OSError:  # another process was faster
                continue


@functools.lru_cache(maxsize=OPEN_FILES)
def _samples(file: Path, n_samples: int) -> np.ndarray:
    if not n_samples:  # an empty file cannot be mapped
        return np.empty(0, np.int16)
    return np.memmap(file, np.dtype("<i2"), "r", sealed.HEADER_BYTES, (n_samples,))


def _store(job: tuple[Path, Path, int]) -> str:
    """Decode one track into its file; return why it cannot be decoded, or nothing."""
    path, file, sample_rate = job
    problems: list[str] = []
    with writing(file.parent, REMEDY), tempfile.TemporaryFile(dir=file.parent) as floats:
        n_samples, peak = 0, 0.0
        try:
            for block in waveform_blocks(path, sample_rate, problems):
                floats.write(block.astype("<f4").tobytes())
                n_samples, peak = n_samples + len(block), max(peak, float(np.abs(block).max(initial=0)))
        except AudioError as error:
            return str(error)
        scale = (peak or 1.0) / FULL_SCALE  # by its own peak: quiet music keeps its detail, loud music is not clipped
        about = {"n_samples": n_samples, "scale": scale, "problems": "; ".join(problems)[:MAX_PROBLEM]}
        sealed.write(file, about, _quantised(floats, scale))
    return ""


def _quantised(floats: IO[bytes], scale: float) -> Iterator[bytes]:
    floats.seek(0)
    while block := floats.read(1 << 20):
        yield np.rint(np.frombuffer(block, "<f4") / scale).astype("<i2").tobytes()


def _spread(function: Callable[[Any], str], jobs: list, n_workers: int | None) -> Iterator[str]:
    """Apply a function to all jobs, in order, over processes where there are enough."""
    if n_workers is None:
        n_workers = min(n_cores(), len(jobs) // TRACKS_A_WORKER)
    console = Console(stderr=True)
    shown = {"description": "decoding", "total": len(jobs), "console": console, "disable": not sys.stderr.isatty()}
    if n_workers < 2 or len(jobs) < 2:
        yield from progress(map(function, jobs), **shown)
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy JAX's threads' locks
    leave_interrupts = (signal.signal, (signal.SIGINT, signal.SIG_IGN))  # to this process
    with concurrent.futures.ProcessPoolExecutor(n_workers, context, *leave_interrupts) as pool:
        try:
            yield from progress(pool.map(function, jobs, chunksize=4), **shown)
        except concurrent.futures.process.BrokenProcessPool as error:
            raise OutputError(
                "a process that decodes was killed, perhaps for memory; decode by python -m train.data --n-workers 0"
            ) from error
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
