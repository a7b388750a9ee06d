"""Tracks as sequences of the default model's frozen features, reduced to their principal components."""

import dataclasses
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track as progress
from sklearn.utils.extmath import randomized_svd

from genrestream.inference import checkpoint, shipped
from genrestream.teaching.embeddings import Embedder
from train.data.load import load
from train.data.tracks import DataConfig
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


def read_songs(data: Path, more: tuple[Path, ...]) -> Songs:
    """Read the tracks of both sets, in artist folds, and their features, kept in the audio cache's folder."""
    config = PairRunConfig(data=DataConfig(data, more, validate=False, fold=None))
    fold_of = {}
    for fold in range(N_FOLDS):
        split, cache = load(dataclasses.replace(config.data, fold=fold), config.design.frontend.sample_rate)
        fold_of |= {track.name: fold for track in split.test}
    pair = FrozenPair(config.design.frontend.level)
    kernel, bias = Embedder(checkpoint.read(shipped.find(MODEL)), MODEL).states
    tracks, rows = [], []
    console = Console(stderr=True)
    bar = progress(split.train + split.test, "frozen networks", console=console, disable=not console.is_terminal)
    for track in sorted(bar, key=lambda one: one.name):
        chunks = track_rows(pair, track, cache, Views(n_chunks=MOST, n_crops=0, n_poor=0), config.augment, config.seed)
        chunks = chunks[(chunks.astype(np.float32) @ kernel + bias).argmax(axis=1) == 0]
        if len(chunks):
            tracks.append(track)
            rows.append(chunks)
    lengths = np.array([len(chunks) for chunks in rows])
    features = np.zeros((len(tracks), MOST, N_COMPONENTS), np.float32)
    features[np.arange(MOST) < lengths[:, None]] = _components(np.concatenate(rows), config.head, pair)
    return Songs(
        genres=split.genres,
        labels=np.array([split.genres.index(track.genre) for track in tracks]),
        folds=np.array([fold_of[track.name] for track in tracks]),
        domains=np.array([track.domain for track in tracks]),
        weights=domain_weights(tracks, np.arange(len(tracks)), config),
        lengths=lengths,
        features=features,
    )


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
    axes = randomized_svd(rows[::2], N_COMPONENTS, n_iter=1, random_state=0)[2].T
    found = rows @ axes
    print(f"{len(rows)} chunks; {N_COMPONENTS} components have {np.square(found).sum() / np.square(rows).sum():.1%} of"
          " the variance", flush=True)  # fmt: skip
    return found
