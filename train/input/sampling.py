"""How often tracks, artists and classes are drawn, and what they weigh."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np

from genrestream.errors import UsageError
from train.data.tracks import Track


@dataclasses.dataclass(frozen=True)
class SamplingConfig:
    """How often tracks, artists and classes are heard in training.

    Attributes:
        balance: Each class equally often (sampler), or as often as it is there and weighted in the loss instead
            (loss), or not balanced (none).
        length_power: A track of n chunks is heard in proportion to n to this power: 0 all tracks alike, 1 all seconds.
        artist_power: An artist of n tracks in a class is heard in proportion to n to this power: 0 all artists alike,
            so that none is taken for the class; 1 all tracks. A track of an unknown artist is one of its own.
        crops_per_epoch: Crops that are called an epoch; 0 for as many as the tracks have chunks.
    """

    balance: Literal["sampler", "loss", "none"] = "sampler"
    length_power: float = 0.5
    artist_power: float = 0.0
    crops_per_epoch: int = 0

    def __post_init__(self) -> None:
        for name in ("length_power", "artist_power"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"--{name.replace('_', '-')} {getattr(self, name)}: must be from 0 to 1")
        if self.crops_per_epoch < 0:
            raise UsageError(f"--crops-per-epoch {self.crops_per_epoch}: must be at least 1, or 0 for all chunks")


def shares(tracks: Sequence[Track], n_chunks: np.ndarray, sampling: SamplingConfig) -> tuple[np.ndarray, np.ndarray]:
    """Return how often each track is drawn and what its crops weigh in the loss, both of shape (n_tracks,).

    In sum over the draws each class weighs the same, unless that is switched off; weights are 1 on average.
    """
    genres, labels = np.unique([track.genre for track in tracks], return_inverse=True)
    n_by = Counter((track.genre, track.artist) for track in tracks)
    n_by_artist = np.array([n_by[track.genre, track.artist] if track.artist else 1 for track in tracks], float)
    share = n_chunks**sampling.length_power * n_by_artist ** (sampling.artist_power - 1)
    share /= share.sum()
    of_class = np.bincount(labels, share)[labels] * len(genres)
    if sampling.balance == "sampler":
        return share / of_class, np.ones(len(labels))
    return share, 1 / of_class if sampling.balance == "loss" else np.ones(len(labels))


def row_weights(tracks: Sequence[Track], number: np.ndarray, sampling: SamplingConfig) -> np.ndarray:
    """Return what each of precomputed rows weighs, so that all that ``sampling`` names is heard as it says.

    Args:
        tracks: Whose rows they are.
        number: The place in ``tracks`` of each row's track, shape (n_rows,).
        sampling: How often tracks, artists and classes are heard.

    Returns:
        Shape (n_rows,), 1 on average.
    """
    n_rows = np.bincount(number, minlength=len(tracks))
    share, weight = shares(tracks, n_rows, sampling)
    per_row = (share * weight / np.maximum(1, n_rows))[number]
    return per_row / per_row.mean()
