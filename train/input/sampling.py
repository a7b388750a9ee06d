"""How often tracks, artists and classes are drawn, and their weights in the loss."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np

from genrestream.errors import UsageError
from train.data.tracks import Track


@dataclasses.dataclass(frozen=True)
class SamplingConfig:
    """How often tracks, artists and classes are drawn in training.

    Attributes:
        balance: Draw each class equally often (sampler), weight the classes in the loss (loss), or neither (none).
        length_power: A track of n chunks is drawn in proportion to n to this power: 0 draws all tracks equally often, 1
            all seconds equally often.
        artist_power: An artist of n tracks in a class is drawn in proportion to n to this power: 0 draws all artists
            equally often, so that no artist dominates the class; 1 draws all tracks equally often. A track of an
            unknown artist counts as an artist of one track.
        crops_per_epoch: Crops in an epoch; 0 for as many as the tracks have chunks.
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
    """Return how often each track is drawn and the weight of its crops in the loss, both of shape (n_tracks,).

    Over all draws each class has the same total weight, unless ``balance`` is none; weights are 1 on average.
    """
    genres, labels = np.unique([track.genre for track in tracks], return_inverse=True)
    n_by = Counter((track.genre, track.artist) for track in tracks)
    n_by_artist = np.array([n_by[track.genre, track.artist] if track.artist else 1 for track in tracks], float)
    share = n_chunks**sampling.length_power * n_by_artist ** (sampling.artist_power - 1)
    share /= share.sum()
    class_share = np.bincount(labels, share)[labels] * len(genres)
    if sampling.balance == "sampler":
        return share / class_share, np.ones(len(labels))
    return share, 1 / class_share if sampling.balance == "loss" else np.ones(len(labels))


def row_weights(tracks: Sequence[Track], number: np.ndarray, sampling: SamplingConfig) -> np.ndarray:
    """Return weights of precomputed rows that balance tracks, artists and classes in the same way as ``shares``.

    Args:
        tracks: The tracks of the rows.
        number: The index in ``tracks`` of each row's track, shape (n_rows,).
        sampling: How often tracks, artists and classes count.

    Returns:
        Shape (n_rows,), 1 on average.
    """
    n_rows = np.bincount(number, minlength=len(tracks))
    share, weight = shares(tracks, n_rows, sampling)
    per_row = (share * weight / np.maximum(1, n_rows))[number]
    return per_row / per_row.mean()
