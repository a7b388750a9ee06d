"""Dividing a dataset into tracks to train on, to validate on, and to test on.

A track is whole on one side, together with its listed duplicates; in the ``artist`` protocol so is an artist.
"""

import dataclasses
import sys
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedGroupKFold

from genrestream.errors import UsageError
from genrestream.output.text import printable
from genrestream.teaching.groups import artist_name
from train.data.tracks import SIDES, DataConfig, Dataset, Track

PART_S = 3.0  # length of a piece where pieces are divided instead of tracks: one chunk of all our models
PUBLISHED = ("fault-filtered", "official")
INFLATED = "the same songs are trained on and scored; only to measure how far that inflates a score"


@dataclasses.dataclass(frozen=True)
class Split:
    """A divided dataset.

    Attributes:
        train: Tracks to train on.
        validation: Tracks to score after each epoch; may be empty.
        test: Tracks to score at the end; empty where everything is trained on.
        genres: The label set, in order.
        left_out: Tracks that are on no side because no list has them.
    """

    train: list[Track]
    validation: list[Track]
    test: list[Track]
    genres: tuple[str, ...]
    left_out: list[Track] = dataclasses.field(default_factory=list)


def divide(dataset: Dataset, config: DataConfig) -> Split:
    """Divide a dataset.

    Raises:
        UsageError: The protocol needs what the dataset lacks; a track, duplicate or artist is on two sides; or a
            genre has no tracks on a side that needs some.
    """
    tracks = list(dataset.tracks)
    if config.split == "random-chunks":
        print(f"warning: --split random-chunks: {INFLATED}", file=sys.stderr)
        tracks = [part for track in tracks for part in parts(track)]
    if config.split in PUBLISHED:
        sides = _published_sides(tracks, config)
    elif config.fold is None:
        sides = ["train"] * len(tracks)
    else:
        sides = [_side(fold, config) for fold in _folds(tracks, dataset, config)]
    on = {side: [track for track, its in zip(tracks, sides, strict=True) if its == side] for side in (*SIDES, "none")}
    split = Split(on["train"], on["validation"], on["test"], dataset.genres, on["none"])
    check(split, dataset, config)
    return split


def check(split: Split, dataset: Dataset, config: DataConfig) -> None:
    """Check that nothing is on two sides, and that each genre is on the sides that need it.

    Raises:
        UsageError: Something is on two sides, or a genre is missing on one.
    """
    seen: dict[str, tuple[str, Track]] = {}
    for side in SIDES:
        tracks = getattr(split, side)
        for track, identities in zip(tracks, _identities(tracks, dataset, config), strict=True):
            for identity in identities:
                other, twin = seen.setdefault(identity, (side, track))
                if other != side:
                    both = printable(f"{twin.name} ({other}) and {track.name} ({side}): {identity}")
                    raise UsageError(f"{both}, must be on one side; correct the lists")
    for side in SIDES[:2] if split.validation else SIDES[:1]:
        present = {track.genre for track in getattr(split, side)}
        for genre in split.genres:
            if genre not in present:
                advice = "; train with --no-validate, or add tracks" if side == "validation" else "; add tracks"
                raise UsageError(f"{config.data}: genre {genre} has no {side} tracks in --split {config.split}{advice}")


def parts(track: Track) -> list[Track]:
    """Return the pieces of a decoded track, each ``PART_S`` long, as tracks."""
    if track.seconds is None:
        raise UsageError(f"{printable(track.name)}: its length is not known yet; decode it first")
    starts_s = np.arange(max(1, int(track.seconds / PART_S))) * PART_S
    return [
        dataclasses.replace(
            track, name=f"{track.name}@{start_s:g}s", start_s=float(start_s), seconds=min(PART_S, track.seconds)
        )
        for start_s in starts_s
    ]


def _identities(tracks: Sequence[Track], dataset: Dataset, config: DataConfig) -> Iterator[list[str]]:
    """Yield for each track its identities, in words; tracks that share one must be on one side."""
    pairs_of: dict[str, list[str]] = {}
    for pair in dataset.duplicates:
        for name in pair:
            pairs_of.setdefault(name, []).append(f"the same recording (listed: {pair[0]} and {pair[1]})")
    for track in tracks:
        if config.split == "random-chunks":
            yield [f"the same piece ({track.name})"]
            continue
        artist = [f"the same artist ({artist_name(track.artist)})"] if config.split == "artist" and track.artist else []
        yield [f"the same file ({track.path.resolve()})", *pairs_of.get(track.name, []), *artist]


def _published_sides(tracks: Sequence[Track], config: DataConfig) -> list[str]:
    if not any(track.split == "test" for track in tracks):
        raise UsageError(
            f"{config.data}: --split {config.split}: no track is in a test list; give GTZAN, FMA or a tracks.csv with"
            " a column split (train, validation, test), or use --split track"
        )
    merged = {} if config.validate else {"validation": "train"}
    return [merged.get(track.split, track.split) for track in tracks]


def _side(fold: int, config: DataConfig) -> str:
    if fold == config.fold:
        return "test"
    if fold < 0:
        return "none"
    return "validation" if config.validate and fold == ((config.fold or 0) + 1) % config.n_folds else "train"


def _folds(tracks: list[Track], dataset: Dataset, config: DataConfig) -> list[int]:
    """Return each track's fold; -1 where no published fold has it."""
    published = max((track.fold for track in tracks), default=-1) + 1
    if config.split == "artist" and published == config.n_folds:
        return _placed(tracks, dataset, config) if config.more else [track.fold for track in tracks]
    unknown = [track.name for track in tracks if not track.artist] if config.split == "artist" else []
    if unknown:
        print(
            f"warning: --split artist: the artists and albums of {len(unknown)} of {len(tracks)} tracks are unknown, as"
            f" of {printable(unknown[0])}; each counts as an artist, so that one artist may be on two sides",
            file=sys.stderr,
        )
    return _drawn_folds(tracks, _groups(tracks, dataset, config), config)


def _placed(tracks: list[Track], dataset: Dataset, config: DataConfig) -> list[int]:
    """Return published folds, and drawn ones for the tracks of other datasets, with an artist of both in one fold."""
    groups, fixed = _groups(tracks, dataset, config), np.array([track.fold for track in tracks])
    is_first = np.array([track.domain == tracks[0].domain for track in tracks])
    others = [track for track, first in zip(tracks, is_first, strict=True) if not first]
    folds = fixed.copy()
    folds[~is_first] = _drawn_folds(others, groups[~is_first], config)
    fold_of = {group: fold for group, fold in zip(groups, fixed, strict=True) if fold >= 0}
    return [int(fold_of.get(group, fold)) if not first else int(fold)
            for group, fold, first in zip(groups, folds, is_first, strict=True)]  # fmt: skip


def _groups(tracks: Sequence[Track], dataset: Dataset, config: DataConfig) -> np.ndarray:
    """Return a group number for each track; tracks that share an identity, or are linked by others, are one group."""
    numbers: dict[str, int] = {}
    ends = [
        (number, len(tracks) + numbers.setdefault(identity, len(numbers)))
        for number, identities in enumerate(_identities(tracks, dataset, config))
        for identity in identities
    ]
    n_nodes, (of, to) = len(tracks) + len(numbers), np.array(ends).T
    graph = coo_array((np.ones(len(ends)), (of, to)), shape=(n_nodes, n_nodes))
    return connected_components(graph, directed=False)[1][: len(tracks)]


def _drawn_folds(tracks: Sequence[Track], groups: np.ndarray, config: DataConfig) -> list[int]:
    """Draw folds, stratified by genre, that keep groups whole."""
    genres = np.array([track.genre for track in tracks])
    for genre in np.unique(genres):
        n_groups = len(np.unique(groups[genres == genre]))
        if n_groups < config.n_folds:
            what = "artists" if config.split == "artist" else "tracks"
            raise UsageError(
                f"{config.data}: genre {genre} has {n_groups} {what}, must be at least --n-folds {config.n_folds};"
                " use fewer folds, add tracks, or use --split track"
            )
    folds = np.zeros(len(tracks), int)
    drawn = StratifiedGroupKFold(config.n_folds, shuffle=True, random_state=config.fold_seed)
    for fold, (_, members) in enumerate(drawn.split(genres, genres, groups)):
        folds[members] = fold
    return folds.tolist()
