"""Shards: decoded music in a few large files, written once by ``train.shard`` and read by grain from any place.

::

    OUTPUT/
    ├── audio-00000.array_record    16-bit samples, N_SAMPLES a record, track after track
    ├── audio-00001.array_record
    └── shards.index                a sealed file: genre, artist, fold and length of each track; written last
"""

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import grain
import numpy as np

from genrestream.errors import OutputError, UsageError
from genrestream.files import writing
from train.data import sealed
from train.data.cache import VERSION, AudioCache, Filled
from train.data.tracks import Dataset, Track

INDEX = "shards.index"
N_SAMPLES = 1 << 16  # in a record: a chunk of 3 s at 16 kHz lies in one or two
OPTIONS = "group_size:1,uncompressed"  # each record is read by itself
ADVICE = "copy the shards again, or write them again with python -m train.shard"


def is_here(folder: Path) -> bool:
    """Whether a folder holds shards."""
    return (folder / INDEX).is_file()


def write(folder: Path, dataset: Dataset, filled: Filled, cache: AudioCache, shard_mb: float) -> list[Path]:
    """Write decoded tracks as shards.

    Args:
        folder: An empty folder, or none yet.
        dataset: The dataset as it was read.
        filled: Its tracks that can be used.
        cache: Where they are decoded.
        shard_mb: Size of a shard in MB, which its last track may exceed.

    Returns:
        The shards' files.

    Raises:
        UsageError: The folder holds files.
        OutputError: It cannot be written.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UsageError(f"{folder}: holds files already; name another folder, or remove it")
    shards, entries, n_records = list[Path](), list[dict[str, Any]](), 0
    for tracks in _portions(filled.tracks, cache, shard_mb):
        shards.append(folder / f"audio-{len(shards):05}.array_record")
        _write_shard(shards[-1], (record for track in tracks for record in _records(track, cache)))
        for track in tracks:
            entries.append(_entry(track, cache) | {"first": n_records})
            n_records += _n_records(cache.n_samples(track))
    about = {"version": VERSION, "sample_rate": cache.sample_rate, "n_shards": len(shards), "n_records": n_records}
    left_out = [*dataset.left_out, *filled.unreadable.values()]
    index = json.dumps({"tracks": entries, "duplicates": dataset.duplicates, "left_out": left_out})
    with writing(folder / INDEX):
        sealed.write(folder / INDEX, about, [index.encode()])
    return shards


def _portions(tracks: Sequence[Track], cache: AudioCache, shard_mb: float) -> Iterator[list[Track]]:
    portion, n_bytes = list[Track](), 0
    for track in tracks:
        portion.append(track)
        n_bytes += 2 * cache.n_samples(track)
        if n_bytes >= 1e6 * shard_mb:
            yield portion
            portion, n_bytes = [], 0
    if portion:
        yield portion


def _n_records(n_samples: int) -> int:
    return -(-n_samples // N_SAMPLES)


def _records(track: Track, cache: AudioCache) -> Iterator[bytes]:
    samples = cache.waveform(track)
    for start in range(0, len(samples), N_SAMPLES):
        yield samples[start : start + N_SAMPLES].tobytes()


def _write_shard(path: Path, records: Iterator[bytes]) -> None:
    try:
        from array_record.python.array_record_module import ArrayRecordWriter  # there is none for Windows

        with contextlib.closing(ArrayRecordWriter(str(path), OPTIONS)) as writer:
            for record in records:
                writer.write(record)
    except (ImportError, RuntimeError) as error:
        raise OutputError(f"{path}: cannot be written ({error}); make room or name another place") from error


def _entry(track: Track, cache: AudioCache) -> dict[str, Any]:
    fields = {name: value for name, value in vars(track).items() if name not in ("path", "start_s", "seconds")}
    return {"track": fields, "digest": cache.digest(track.path), "about": cache.about(track.path)}


class Shards(AudioCache):
    """An audio cache that reads the tracks of shards where they are; other tracks are decoded as usual.

    Args:
        sample_rate: Rate of the waveforms, in Hz.
        cache: The folder for what is decoded or computed from tracks.
        folder: The shards.

    Attributes:
        dataset: The tracks of the shards; their paths are names only, no files.

    Raises:
        UsageError: The shards are damaged, not whole, or of another rate.
    """

    def __init__(self, sample_rate: int, cache: Path | None, folder: Path):
        super().__init__(sample_rate, cache)
        self._shards = folder
        try:
            about, content = sealed.read(folder / INDEX)
        except sealed.DamagedError as error:
            raise UsageError(f"{error}; {ADVICE}") from error
        self._check(about)
        index = json.loads(content)
        self._first: dict[Path, int] = {}
        tracks = []
        for entry in index["tracks"]:
            track = Track(path=folder / entry["track"]["name"], **entry["track"])
            self.know(track.path, entry["digest"], entry["about"])
            self._first[track.path] = entry["first"]
            tracks.append(track)
        pairs = tuple((one, other) for one, other in index["duplicates"])
        self.dataset = Dataset(tuple(tracks), pairs, tuple(index["left_out"]))
        self._source = self._opened(about)

    def _check(self, about: dict[str, Any]) -> None:
        if about["version"] != VERSION:
            raise UsageError(f"{self._shards}: its shards are of another version; {ADVICE}")
        if about["sample_rate"] != self.sample_rate:
            raise UsageError(
                f"{self._shards}: its audio has {about['sample_rate']} Hz, this network needs {self.sample_rate} Hz;"
                f" make shards with --sample-rate {self.sample_rate}"
            )

    def _opened(self, about: dict[str, Any]) -> Any:
        paths = sorted(map(str, self._shards.glob("audio-*.array_record")))
        if len(paths) != about["n_shards"]:
            raise UsageError(f"{self._shards}: holds {len(paths)} shards, must hold {about['n_shards']}; {ADVICE}")
        try:
            source: Any = grain.sources.ArrayRecordDataSource(paths)
        except RuntimeError as error:
            raise UsageError(f"{self._shards}: cannot be read ({error}); {ADVICE}") from error
        if len(source) != about["n_records"]:
            raise UsageError(f"{self._shards}: holds {len(source)} records, must hold {about['n_records']}; {ADVICE}")
        return source

    def _state(self, path: Path, failed: dict[Path, str]) -> str:
        return "whole" if path in self._first else super()._state(path, failed)

    def _stored(self, path: Path, start: int, stop: int) -> np.ndarray:
        if path not in self._first:
            return super()._stored(path, start, stop)
        if stop <= start:
            return np.empty(0, np.int16)
        first, last = start // N_SAMPLES, _n_records(stop)
        try:
            records = [self._source[self._first[path] + number] for number in range(first, last)]
        except RuntimeError as error:
            raise sealed.DamagedError(f"{self._shards}: {path.name} cannot be read ({error}); {ADVICE}") from error
        return np.frombuffer(b"".join(records), "<i2")[start - first * N_SAMPLES : stop - first * N_SAMPLES]
