"""How a table is divided into training, validation and test rows.

- ``k-fold``: tracks at random into folds; all rows of a track are on one side (system B).
- ``songs``: a few tracks of each genre held out at random, repeated (system C).
- ``random``: rows at random into folds. It leaks: chunks of one track on both sides.
- ``fault-filtered``: the published lists, artists apart (Kereliuk et al. 2015); what papers on GTZAN report.
- ``artist``: the five folds of ``artist_folds.csv``, artists apart.
"""

import csv
import dataclasses
from pathlib import Path
from typing import Literal

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from genrestream.errors import UsageError
from train.data.readers.gtzan import LISTS
from train.data.tracks import SIDES
from train.tabular.table import Table

Protocol = Literal["k-fold", "songs", "random", "fault-filtered", "artist"]
N_INNER = 3  # folds inside the training rows, to choose parameters


@dataclasses.dataclass(frozen=True, eq=False)
class Division:
    """One division of a table's rows.

    Attributes:
        train: Indices to fit to.
        inner: Pairs of indices into the table, fit and validate, for choosing; all of them inside ``train``.
        test: Indices to score.
    """

    train: np.ndarray
    inner: list[tuple[np.ndarray, np.ndarray]]
    test: np.ndarray

    def on_validation(self) -> "Division":
        """Return the division that scores the first validation rows instead of the test rows."""
        fit, validate = self.inner[0]
        return Division(fit, self.inner, validate)


@dataclasses.dataclass(frozen=True)
class ProtocolConfig:
    """How rows are divided.

    Attributes:
        protocol: See this module's docstring.
        n_folds: Number of folds of ``k-fold`` and ``random``.
        n_songs: Tracks of each genre held out by ``songs``.
        n_repeats: How often ``songs`` is repeated.
        lists: Folder of the lists; by default GTZAN's, which are part of the package.
        seed: Seed of all random draws.
    """

    protocol: Protocol = "k-fold"
    n_folds: int = 5
    n_songs: int = 3
    n_repeats: int = 30
    lists: Path = LISTS
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("n_folds", 2), ("n_songs", 1), ("n_repeats", 1)):
            if getattr(self, name) < least:
                raise UsageError(f"--{name.replace('_', '-')} {getattr(self, name)}: must be at least {least}")


def divisions(table: Table, config: ProtocolConfig) -> list[Division]:
    """Return the protocol's divisions.

    Args:
        table: The rows.
        config: The protocol.

    Raises:
        UsageError: A genre has too few tracks, or a list is missing or names no track of the table.
    """
    if config.protocol == "fault-filtered":
        return [_fault_filtered(table, config.lists)]
    if config.protocol == "artist":
        folds = _artist(table, config.lists)
    else:
        _check_genres(table, config.n_songs + N_INNER if config.protocol == "songs" else config.n_folds)
        folds = {"k-fold": _k_fold, "songs": _songs, "random": _random}[config.protocol](table, config)
    return [_with_inner(table, config, np.setdiff1d(np.arange(len(table.labels)), test), test) for test in folds]


def _check_genres(table: Table, least: int) -> None:
    for label, genre in enumerate(table.genres):
        n_tracks = len(np.unique(table.tracks[table.labels == label]))
        if n_tracks < least:
            raise UsageError(
                f"genre {genre} has {n_tracks} track{'s' * (n_tracks != 1)}, this needs at least {least} of each;"
                " add some, or leave the genre out"
            )


def _k_fold(table: Table, config: ProtocolConfig) -> list[np.ndarray]:
    folds = StratifiedGroupKFold(config.n_folds, shuffle=True, random_state=config.seed)
    return [test for _, test in folds.split(table.values, table.labels, table.tracks)]


def _random(table: Table, config: ProtocolConfig) -> list[np.ndarray]:
    folds = StratifiedKFold(config.n_folds, shuffle=True, random_state=config.seed)
    return [test for _, test in folds.split(table.values, table.labels)]


def _songs(table: Table, config: ProtocolConfig) -> list[np.ndarray]:
    rng = np.random.default_rng(config.seed)
    by_genre = [np.unique(table.tracks[table.labels == label]) for label in range(len(table.genres))]
    drawn = [
        np.concatenate([rng.choice(tracks, config.n_songs, replace=False) for tracks in by_genre])
        for _ in range(config.n_repeats)
    ]
    return [np.flatnonzero(np.isin(table.tracks, names)) for names in drawn]


def _artist(table: Table, lists: Path) -> list[np.ndarray]:
    file = lists / "artist_folds.csv"
    fold_of = {row["track"]: int(row["fold"]) for row in csv.DictReader(_lines(file))}
    if missing := sorted(set(table.tracks) - set(fold_of)):
        raise UsageError(f"{missing[0]}: in the table, but in no fold of {file}, nor are {len(missing) - 1} others")
    folds = np.array([fold_of[track] for track in table.tracks])
    return [np.flatnonzero(folds == fold) for fold in np.unique(folds)]


def _fault_filtered(table: Table, lists: Path) -> Division:
    parts = []
    for part in SIDES:
        file = lists / f"fault_filtered_{part}.txt"
        rows = np.flatnonzero(np.isin(table.tracks, _lines(file)))
        if absent := set(range(len(table.genres))) - set(table.labels[rows]):
            raise UsageError(f"{file}: lists no track of genre {table.genres[min(absent)]} that the table has")
        parts.append(rows)
    train, validation, test = parts
    return Division(np.concatenate([train, validation]), [(train, validation)], test)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").split()
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror}); --lists names the lists' folder") from error


def _with_inner(table: Table, config: ProtocolConfig, train: np.ndarray, test: np.ndarray) -> Division:
    """Divide the training rows by track, or by row if the protocol divides rows."""
    groups = np.arange(len(train)) if config.protocol == "random" else table.tracks[train]
    folds = StratifiedGroupKFold(N_INNER, shuffle=True, random_state=config.seed)
    inner = [(train[fit], train[held]) for fit, held in folds.split(train[:, None], table.labels[train], groups)]
    return Division(train, inner, test)
