"""Tracks as sequences of the default model's frozen features, reduced to their principal components."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track as progress
from sklearn.utils.extmath import randomized_svd

from genrestream.inference import checkpoint, shipped
from genrestream.teaching.embeddings import Embedder
from train.data.cache import AudioCache
from train.data.load import load
from train.data.tracks import DataConfig, Track
from train.transfer.frozen import FrozenPair, Views, track_rows
from train.transfer.pair import PairHeadConfig, PairRunConfig, domain_weights

MODEL = "musicnn-yamnet"
N_FOLDS, N_COMPONENTS = 5, 384
MOST = 20  # chunks of a track, one every 3 s
AFTER = (1, 2, 3, 5, 10, 20)  # chunks after which answers are scored: 3, 6, 9, 15, 30 and 60 s


@dataclasses.dataclass(frozen=True, eq=False)
class Songs:
    """Tracks; what the default model takes for speech or noise is left out, as votes leave it out.

    Attributes:
        genres: The genres.
        labels: The genre of each track as an index, shape (n_tracks,).
        folds: Its artist fold, shape (n_tracks,).
        domains: The dataset that it is from, shape (n_tracks,).
        weights: What it weighs in a loss, shape (n_tracks,).
        lengths: How many chunks it has, from 1 to ``MOST``, shape (n_tracks,).
        features: Principal components of each chunk, zeros after a track's end, shape (n_tracks, MOST, N_COMPONENTS).
    """

    genres: tuple[str, ...]
    labels: np.ndarray
    folds: np.ndarray
    domains: np.ndarray
    weights: np.ndarray
    lengths: np.ndarray
    features: np.ndarray

    @property
    def is_chunk(self) -> np.ndarray:
        """Where there is a chunk, boolean, shape (n_tracks, MOST)."""
        return np.arange(MOST) < self.lengths[:, None]

    def without(self, folds: tuple[int, ...]) -> np.ndarray:
        """Return the places of the tracks that are in other folds."""
        return np.flatnonzero(~np.isin(self.folds, folds))

    def chunks(self, without: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the chunks of the tracks in other folds, the place of each one's track, and what it weighs."""
        own = self.without(without)
        place = np.repeat(own, self.lengths[own])
        return self.features[own][self.is_chunk[own]], place, (self.weights / np.sqrt(self.lengths))[place]


def read_songs(data: Path, more: tuple[Path, ...]) -> Songs:
    """Read the tracks of both sets, in artist folds, and their features, kept in the audio cache's folder."""
    config = PairRunConfig(data=DataConfig(data, more, validate=False, fold=None))
    loaded = [
        load(dataclasses.replace(config.data, fold=fold), config.design.frontend.sample_rate) for fold in range(N_FOLDS)
    ]
    fold_of = {track: fold for fold, (split, _) in enumerate(loaded) for track in split.test}
    genres, cache = loaded[0][0].genres, loaded[0][1]
    pair = FrozenPair(config.design.frontend.level)
    rows = _rows(sorted(fold_of, key=lambda track: track.name), pair, cache, config)
    tracks, lengths = list(rows), np.array([len(chunks) for chunks in rows.values()])
    features = np.zeros((len(tracks), MOST, N_COMPONENTS), np.float32)
    features[np.arange(MOST) < lengths[:, None]] = _components(np.concatenate(list(rows.values())), config.head, pair)
    return Songs(
        genres=genres,
        labels=np.array([genres.index(track.genre) for track in tracks]),
        folds=np.array([fold_of[track] for track in tracks]),
        domains=np.array([track.domain for track in tracks]),
        weights=domain_weights(tracks, np.arange(len(tracks)), config),
        lengths=lengths,
        features=features,
    )


def _rows(tracks: list[Track], pair: FrozenPair, cache: AudioCache, config: PairRunConfig) -> dict[Track, np.ndarray]:
    """Return the features of each track's chunks of music; a track without any is left out."""
    kernel, bias = Embedder(checkpoint.read(shipped.find(MODEL)), MODEL).states
    views, console = Views(n_chunks=MOST, n_crops=0, n_poor=0), Console(stderr=True)
    found = {}
    for track in progress(tracks, "frozen networks", console=console, disable=not console.is_terminal):
        rows = track_rows(pair, track, cache, views, config.augment, config.seed)
        rows = rows[(rows.astype(np.float32) @ kernel + bias).argmax(axis=1) == 0]
        if len(rows):
            found[track] = rows
    return found


def _components(rows: np.ndarray, head: PairHeadConfig, pair: FrozenPair) -> np.ndarray:
    """Return the principal components of standardised features, found without labels; shape (n_rows, N_COMPONENTS).

    Features are divided by the root of their penalty, so that one penalty for all components is that of the default
    model's layer.
    """
    penalties = np.ones(pair.n_features, np.float32)
    for name, block in pair.blocks.items():
        penalties[block] = getattr(head, f"{name}_penalty")
    rows = rows.astype(np.float32)
    rows = (rows - rows.mean(axis=0)) / ((rows.std(axis=0) + 1e-3) * np.sqrt(penalties))
    iterations: Any = 1  # its annotation knows only "auto"
    axes = randomized_svd(rows[::2], N_COMPONENTS, n_iter=iterations, random_state=0)[2].T
    found = rows @ axes
    print(f"{len(rows)} chunks; {N_COMPONENTS} components have {np.square(found).sum() / np.square(rows).sum():.1%} of"
          " the variance", flush=True)  # fmt: skip
    return found
