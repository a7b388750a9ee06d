"""Labelled music: a track, a dataset, and the options that name a dataset and its division."""

import dataclasses
from pathlib import Path
from typing import Literal

from genrestream.errors import UsageError
from train.command.paths import check_folder, check_local

SIDES = ("train", "validation", "test")
Protocol = Literal["artist", "track", "fault-filtered", "official", "random-chunks"]


@dataclasses.dataclass(frozen=True)
class Track:
    """One labelled recording, or a part of one.

    Attributes:
        name: Its name in lists and reports, such as ``blues.00000``; no other track has it.
        path: Its file.
        genre: Its label.
        split: ``train``, ``validation`` or ``test`` of published lists, or ``none``.
        fold: Its published artist fold, from 0; -1 where there is none.
        artist: Its artist; empty where unknown.
        start_s: Where a part of a recording begins, in seconds; None for the whole recording.
        seconds: Its length in seconds; None until it is decoded.
        domain: The dataset it is from, such as ``gtzan``, where several are trained on together.
        host: The process that decodes it and trains on it, of several; None where all have it.
    """

    name: str
    path: Path
    genre: str
    split: str = "none"
    fold: int = -1
    artist: str = ""
    start_s: float | None = None
    seconds: float | None = None
    domain: str = ""
    host: int | None = None


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Labelled tracks.

    Attributes:
        tracks: Its tracks, by name.
        duplicates: Pairs of names of the same recording; some may be of tracks that are not here.
        left_out: Why tracks in the folder are not used, one line for each reason.
    """

    tracks: tuple[Track, ...]
    duplicates: tuple[tuple[str, str], ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def genres(self) -> tuple[str, ...]:
        """The label set, in order."""
        return tuple(sorted({track.genre for track in self.tracks}))


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """The music, and how it is divided into training, validation and test tracks.

    Attributes:
        data: A folder of genre folders; or one with a tracks.csv that has the columns file and genre, and optionally
            track, artist and split; or FMA's folder, with fma_metadata and fma_small or fma_medium; or shards. An
            address such as s3://bucket/music is copied to this machine once.
        more: Further folders of such music, from other places, to train and test on together with it.
        split: Folds that keep artists apart; random folds of whole tracks; the published fault-filtered lists of
            GTZAN; the official split of FMA or of a tracks.csv; or, to measure how much it inflates the score, random
            chunks of the same tracks on both sides.
        fold: The fold to test on, from 0; none to train on everything. Published lists have no folds.
        n_folds: Number of folds.
        validate: Keep the next fold, or the published validation list, out of the training and score it after each
            epoch; --patience uses that score.
        max_unreadable: The largest share of tracks that may be unreadable.
        fold_seed: Seed of the folds that are drawn.
        cache: Folder for the decoded audio; genrestream's cache folder where not given.
    """

    data: Path
    more: tuple[Path, ...] = ()
    split: Protocol = "artist"
    fold: int | None = 0
    n_folds: int = 5
    validate: bool = True
    max_unreadable: float = 0.1
    fold_seed: int = 0
    cache: Path | None = None

    def __post_init__(self) -> None:
        check_folder("--data", self.data)
        check_folder("--more", *self.more)
        check_local("--cache", self.cache)
        if self.n_folds < 2:
            raise UsageError(f"--n-folds {self.n_folds}: must be at least 2")
        if self.validate and self.n_folds < 3 and self.split not in ("fault-filtered", "official"):
            raise UsageError(f"--n-folds {self.n_folds}: must be at least 3 with a fold to validate on (--no-validate)")
        if self.fold is not None and not 0 <= self.fold < self.n_folds:
            raise UsageError(f"--fold {self.fold}: must be from 0 to {self.n_folds - 1} with --n-folds {self.n_folds}")
        if not 0 <= self.fold_seed < 2**32:
            raise UsageError(f"--fold-seed {self.fold_seed}: must be from 0 to {2**32 - 1}")
        if not 0 <= self.max_unreadable < 1:
            raise UsageError(f"--max-unreadable {self.max_unreadable}: must be at least 0 and below 1")
