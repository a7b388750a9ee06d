"""Labelled music for training: read, decoded into the cache, and divided."""

import dataclasses
import functools
import sys
from collections.abc import Sequence
from pathlib import Path

from genrestream.errors import UsageError
from genrestream.output.text import printable
from train.command.remote import local
from train.data import hosts, shards
from train.data.cache import AudioCache, Filled
from train.data.readers.folders import read
from train.data.shards import Shards
from train.data.splits import Split, divide
from train.data.tracks import DataConfig, Dataset, Track

MAX_NAMED = 5


def load(
    config: DataConfig, sample_rate: int, n_workers: int | None = None, n_hosts: int = 1
) -> tuple[Split, AudioCache]:
    """Read a dataset, decode what is not in the cache yet, and divide it; print on stderr what is left out.

    Args:
        config: The music, and how it is divided.
        sample_rate: The model's, in Hz.
        n_workers: Processes to decode in; by the number of tracks and cores where not given.
        n_hosts: Hosts of which each decodes its own tracks; shards need no decoding, and each host reads all of them.

    Raises:
        UsageError: There is no music to train on, or too much of it is unreadable, or it cannot be divided in this way.
        OutputError: The cache cannot be written.
    """
    with hosts.together():
        config = dataclasses.replace(config, data=local(config.data), more=tuple(map(local, config.more)))
        if shards.is_here(config.data) and config.more:
            raise UsageError(f"--more: --data {config.data} holds shards of one dataset; give folders of music")
        cache = _cache(sample_rate, config.cache, config.data if shards.is_here(config.data) else None)
        dataset = cache.dataset if isinstance(cache, Shards) else read_all(config.data, config.more)
    if is_assigned := n_hosts > 1 and not isinstance(cache, Shards):
        dataset = dataclasses.replace(dataset, tracks=hosts.assigned(dataset.tracks, n_hosts))
    dataset, filled = decoded(dataset, cache, config, n_workers)
    split = divide(dataset, config)
    if is_assigned:
        check_assigned(split, n_hosts)
    for line in [*dataset.left_out, *filled.unreadable.values(), *unplaced(split, config)]:
        print(f"left out: {printable(line)}", file=sys.stderr)
    return split, cache


def read_all(first: Path, more: Sequence[Path] = ()) -> Dataset:
    """Read one or several folders of music; with several, each track names its dataset.

    Args:
        first: A folder of labelled music.
        more: Further ones, with no other genres.

    Raises:
        UsageError: One cannot be read, they have other genres, or two folders or tracks have one name.
    """
    folders = (first, *more)
    if len(folders) == 1:
        return read(first)
    domains = [folder.resolve().name for folder in folders]
    if len(set(domains)) < len(domains):
        raise UsageError(f"--more: two folders are named {max(domains, key=domains.count)}; rename one")
    datasets = [read(folder) for folder in folders]
    tracks = tuple(
        dataclasses.replace(track, domain=domain)
        for domain, dataset in zip(domains, datasets, strict=True)
        for track in dataset.tracks
    )
    for folder, dataset in zip(folders[1:], datasets[1:], strict=True):
        if strange := sorted({*dataset.genres} - {*datasets[0].genres}):
            raise UsageError(f"--more {folder}: has genre {strange[0]}, which {first} lacks; rename or remove it")
    names = [track.name for track in tracks]
    if len(set(names)) < len(names):
        raise UsageError(f"--more: two tracks are named {max(names, key=names.count)}; rename one")
    duplicates = tuple(pair for dataset in datasets for pair in dataset.duplicates)
    return Dataset(tracks, duplicates, tuple(line for dataset in datasets for line in dataset.left_out))


@functools.cache  # five folds share what was decoded, and what was computed from it
def _cache(sample_rate: int, folder: Path | None, sharded: Path | None) -> AudioCache:
    return Shards(sample_rate, folder, sharded) if sharded else AudioCache(sample_rate, folder)


def decoded(
    dataset: Dataset, cache: AudioCache, config: DataConfig, n_workers: int | None = None
) -> tuple[Dataset, Filled]:
    """Fill the cache; return the dataset without unreadable tracks, with identical files as duplicates.

    Raises:
        UsageError: More is unreadable than ``config.max_unreadable``, or all of one genre.
        OutputError: The cache cannot be written.
    """
    filled = cache.fill(dataset.tracks, n_workers)
    n_unreadable, n_tracks = len(filled.unreadable), len(dataset.tracks)
    if n_unreadable > config.max_unreadable * n_tracks:
        raise UsageError(
            f"{config.data}: {n_unreadable} of {n_tracks} tracks are unreadable, may be"
            f" {config.max_unreadable:.0%} (--max-unreadable); the first:"
            f" {printable(next(iter(filled.unreadable.values())))}"
        )
    copies = [(a.name, b.name) for a, b in identical_files(filled.tracks, cache)]
    found = dataclasses.replace(dataset, tracks=tuple(filled.tracks), duplicates=(*dataset.duplicates, *copies))
    if lost := sorted({*dataset.genres} - {*found.genres}):
        raise UsageError(f"{config.data}: no track of genre {lost[0]} is readable; repair or remove its tracks")
    return found, filled


def gtzan_tracks(folder: Path) -> list[Track]:
    """Read the tracks of a GTZAN folder that are in an artist fold.

    Raises:
        UsageError: It is not GTZAN.
        AudioError: A listed file is missing.
    """
    tracks = [track for track in read(folder).tracks if track.fold >= 0]
    if not tracks:
        raise UsageError(f"--data {folder}: holds no track of GTZAN, named such as blues.00000")
    return tracks


def identical_files(tracks: list[Track], cache: AudioCache) -> list[tuple[Track, Track]]:
    """Return pairs of tracks whose files have the same content."""
    first_of: dict[Path, Track] = {}
    pairs = [(first_of.setdefault(cache.file(track.path), track), track) for track in tracks]
    return [(first, track) for first, track in pairs if first is not track]


def unplaced(split: Split, config: DataConfig) -> list[str]:
    """Return a line that names the tracks on no side; no line where there are none."""
    names = [track.name for track in split.left_out]
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    line = f"{len(names)} tracks are on no side of --split {config.split}: {', '.join(names[:MAX_NAMED])}{more}"
    return [line] if names else []


def check_assigned(split: Split, n_hosts: int) -> None:
    """Check that each host can train on each genre.

    Raises:
        UsageError: One cannot.
    """
    for genre in split.genres:
        n_with = len({track.host for track in split.train if track.genre == genre})
        if n_with < n_hosts:
            raise UsageError(
                f"--distributed: genre {genre} has tracks to train on for {n_with} of {n_hosts} processes; use fewer"
                " processes, add tracks, or train on shards (python -m train.shard), which all processes share"
            )
