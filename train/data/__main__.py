"""List a folder of labelled music: tracks, seconds, genres, problems, and how it would be divided.

::

    python -m train.data ../shared/data/gtzan                        # tracks, seconds, classes, problems, the division
    python -m train.data ~/fma --split official                      # FMA with fma_metadata and fma_small or fma_medium
    python -m train.data ~/music --split track --sample-rate 22050   # a folder of genre folders
"""

import dataclasses
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from genrestream.errors import UsageError
from genrestream.output.text import printable
from train.command.entry import entry
from train.data.cache import AudioCache
from train.data.load import decoded, identical_files, unplaced
from train.data.readers.folders import read
from train.data.splits import PUBLISHED, Split, divide
from train.data.tracks import SIDES, DataConfig, Dataset, Track


@dataclasses.dataclass(frozen=True)
class Listing(DataConfig):
    """What to list.

    Attributes:
        data: The folder.
        sample_rate: Rate to decode at, in Hz; a training at the same rate finds everything decoded.
        n_workers: Processes to decode in; by the number of tracks and cores where not given.
    """

    data: tyro.conf.Positional[Path]
    sample_rate: int = 16_000
    n_workers: int | None = None


def main(config: Listing) -> None:
    """Print the tracks, genres and problems of a folder, and its division."""
    cache = AudioCache(config.sample_rate, config.cache)
    dataset, filled = decoded(read(config.data), cache, config, config.n_workers)
    hours = sum(track.seconds or 0 for track in dataset.tracks) / 3600
    print(f"{config.data}: {len(dataset.tracks)} tracks, {len(dataset.genres)} genres, {hours:.2f} hours")
    try:
        split = divide(dataset, config)
    except UsageError as error:
        split, undivided = None, [str(error)]
    else:
        undivided = unplaced(split, config)
    Console().print(_table(dataset, split, config))
    mislabelled = [
        f"{a.name} and {b.name}: the same file, but {a.genre} and {b.genre}"
        for a, b in identical_files(filled.tracks, cache)
        if a.genre != b.genre
    ]
    problems = [*dataset.left_out, *filled.unreadable.values(), *filled.problems.values(), *mislabelled, *undivided]
    print(f"problems: {len(problems) or 'none'}")
    for problem in problems:
        print(f"  {printable(problem)}")


def _table(dataset: Dataset, split: Split | None, config: Listing) -> Table:
    """Return a row for each genre: its tracks, their seconds, and how many are on each side."""
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
