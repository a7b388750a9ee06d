"""Labelled music for training: read it, decode it, divide it; and say what is there.

::

    python -m train.data ../shared/data/gtzan                        # tracks, seconds, classes, problems, the division
    python -m train.data ~/fma --split official                      # FMA with fma_metadata and fma_small or fma_medium
    python -m train.data ~/music --split track --sample-rate 22050   # a folder of genre folders
"""

import dataclasses
import functools
import sys
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from genrestream.errors import UsageError
from train.cache import AudioCache, Filled
from train.decode import chunks_of
from train.entry import entry
from train.folders import read
from train.splits import PUBLISHED, SIDES, Split, divide
from train.tracks import DataConfig, Dataset, Track

__all__ = ["DataConfig", "Dataset", "Split", "Track", "chunks_of", "divide", "gtzan_tracks", "load", "read"]

MAX_NAMED = 5


@dataclasses.dataclass(frozen=True)
class Listing(DataConfig):
    """What to list.

    Attributes:
        data: The folder.
        sample_rate: Rate to decode at, in Hz; the model's, if its training is to find everything decoded.
        n_workers: Processes to decode in; by the number of tracks and cores where not given.
    """

    data: tyro.conf.Positional[Path]
    sample_rate: int = 16_000
    n_workers: int | None = None


def load(config: DataConfig, sample_rate: int, n_workers: int | None = None) -> tuple[Split, AudioCache]:
    """Read a data set, decode what is not in the cache yet, and divide it; what is left out is said on stderr.

    Args:
        config: Which music, and how it is divided.
        sample_rate: The model's, in Hz.
        n_workers: Processes to decode in; by the number of tracks and cores where not given.

    Raises:
        UsageError: There is no music to train on, or too much of it is unreadable, or it cannot be divided so.
        OutputError: The cache cannot be written.
    """
    cache = _cache(sample_rate, config.cache)
    dataset, filled = decoded(read(config.data), cache, config, n_workers)
    split = divide(dataset, config)
    for line in [*dataset.left_out, *filled.unreadable.values(), *_unplaced(split, config)]:
        print(f"left out: {line}", file=sys.stderr)
    return split, cache


@functools.cache  # five folds share what was decoded, and what was computed from it
def _cache(sample_rate: int, folder: Path | None) -> AudioCache:
    return AudioCache(sample_rate, folder)


def decoded(
    dataset: Dataset, cache: AudioCache, config: DataConfig, n_workers: int | None = None
) -> tuple[Dataset, Filled]:
    """Fill the cache; return the data set without what is unreadable, knowing of identical files.

    Raises:
        UsageError: More is unreadable than ``config.max_unreadable``, or all of one genre.
        OutputError: The cache cannot be written.
    """
    filled = cache.fill(dataset.tracks, n_workers)
    n_unreadable, n_tracks = len(filled.unreadable), len(dataset.tracks)
    if n_unreadable > config.max_unreadable * n_tracks:
        raise UsageError(
            f"{config.data}: {n_unreadable} of {n_tracks} tracks are unreadable, may be"
            f" {config.max_unreadable:.0%} (--max-unreadable); the first: {next(iter(filled.unreadable.values()))}"
        )
    copies = [(a.name, b.name) for a, b in _copies(filled.tracks, cache)]
    found = dataclasses.replace(dataset, tracks=tuple(filled.tracks), duplicates=(*dataset.duplicates, *copies))
    if lost := sorted({*dataset.genres} - {*found.genres}):
        raise UsageError(f"{config.data}: no track of genre {lost[0]} is readable; mend or remove its tracks")
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


def _copies(tracks: list[Track], cache: AudioCache) -> list[tuple[Track, Track]]:
    """Return pairs of tracks whose files have the same content."""
    first_of: dict[Path, Track] = {}
    pairs = [(first_of.setdefault(cache.file(track.path), track), track) for track in tracks]
    return [(first, track) for first, track in pairs if first is not track]


def _unplaced(split: Split, config: DataConfig) -> list[str]:
    """Return in one line, where there are any, the tracks that are on no side."""
    names = [track.name for track in split.left_out]
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    line = f"{len(names)} tracks are on no side of --split {config.split}: {', '.join(names[:MAX_NAMED])}{more}"
    return [line] if names else []


def main(config: Listing) -> None:
    """Say what is there."""
    cache = AudioCache(config.sample_rate, config.cache)
    dataset, filled = decoded(read(config.data), cache, config, config.n_workers)
    hours = sum(track.seconds or 0 for track in dataset.tracks) / 3600
    print(f"{config.data}: {len(dataset.tracks)} tracks, {len(dataset.genres)} genres, {hours:.2f} hours")
    try:
        split = divide(dataset, config)
    except UsageError as error:
        split, undivided = None, [str(error)]
    else:
        undivided = _unplaced(split, config)
    Console().print(_table(dataset, split, config))
    mislabelled = [
        f"{a.name} and {b.name}: the same file, but {a.genre} and {b.genre}"
        for a, b in _copies(filled.tracks, cache)
        if a.genre != b.genre
    ]
    problems = [*dataset.left_out, *filled.unreadable.values(), *filled.problems.values(), *mislabelled, *undivided]
    print(f"problems: {len(problems) or 'none'}")
    for problem in problems:
        print(f"  {problem}")


def _table(dataset: Dataset, split: Split | None, config: Listing) -> Table:
    """Return a line for each genre: its tracks, their seconds, and how many are on each side."""
    table = Table(box=None, header_style="bold")
    for column in ("genre", "tracks", "seconds", "shortest", "longest", *(SIDES if split else ())):
        table.add_column(column, justify="left" if column == "genre" else "right")
    of_genre: dict[str, list[Track]] = {genre: [] for genre in dataset.genres}
    for track in dataset.tracks:
        of_genre[track.genre].append(track)
    for genre, tracks in [*of_genre.items(), ("all", list(dataset.tracks))]:
        seconds = [track.seconds or 0.0 for track in tracks]
        cells = [genre, f"{len(tracks):,}", f"{sum(seconds):,.0f}", f"{min(seconds):.1f}", f"{max(seconds):.1f}"]
        if split:
            sides = (getattr(split, side) for side in SIDES)
            cells += [str(sum(genre in (track.genre, "all") for track in side)) for side in sides]
        table.add_row(*cells)
    how = f"--split {config.split}" + ("" if config.split in PUBLISHED else f" --fold {config.fold}")
    table.caption, table.caption_justify = (f"divided by {how}" if split else None), "left"
    return table


if __name__ == "__main__":
    entry(lambda: main(tyro.cli(Listing, description=__doc__, prog="python -m train.data")))
