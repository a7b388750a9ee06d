"""A logistic head on a frozen pretrained network: the first half of transfer learning.

It is trained on each chunk as the stream cuts it, and on augmented copies of it: other masterings, rooms and codecs.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from rich.console import Console
from rich.progress import track as progress

from genrestream.errors import UsageError
from genrestream.features.config import LogMelConfig
from genrestream.features.frontend import features
from genrestream.inference import checkpoint, shipped
from genrestream.inference.network import bind, load_weights
from genrestream.teaching.fit import LinearFit
from genrestream.teaching.groups import artist_name
from genrestream.teaching.judging.scoring import Examples, chosen_strength
from train.augment.config import AugmentConfig
from train.data.cache import AudioCache
from train.data.tracks import Track
from train.input import examples
from train.input.sampling import SamplingConfig, row_weights

N_STEPS = 300  # of the fit, at most


@dataclasses.dataclass(frozen=True)
class HeadConfig:
    """How the head is fitted.

    Attributes:
        pretrained: The frozen network: the name of a model, or its folder.
        penalty: Of half the squared weight of each standardised feature, against the mean loss of the chunks; chosen
            in inner folds of other artists where not given.
        hop_s: Seconds from one training chunk's start to the next one's.
        n_views: Augmented copies of each training chunk.
    """

    pretrained: str = "musicnn-tags"
    penalty: float | None = None
    hop_s: float = 1.5
    n_views: int = 2

    def __post_init__(self) -> None:
        if self.penalty is not None and not self.penalty > 0:
            raise UsageError(f"--penalty {self.penalty}: must be positive")
        if not 0.1 <= self.hop_s <= 60:
            raise UsageError(f"--hop-s {self.hop_s}: must be from 0.1 to 60 seconds")
        if self.n_views < 0:
            raise UsageError(f"--n-views {self.n_views}: must be at least 0")


class Frozen:
    """A pretrained MusiCNN as a function from chunks to the features that a ``pooled`` head sees.

    Args:
        name: The name of a model, or its folder.

    Raises:
        UsageError: It is not a MusiCNN.
        CheckpointError: It is missing or damaged.
    """

    def __init__(self, name: str):
        model = checkpoint.read(shipped.find(name))
        if model.card.model != "musicnn":
            raise UsageError(f"--pretrained {name}: is a {model.card.model}, must be a musicnn")
        self.model, self.weights = model, load_weights(model)
        network, on_device = bind(model.card), jax.device_put(self.weights)

        def outputs(weights: dict, chunk: jax.Array) -> jax.Array:
            seen = network(weights).features(features(chunk, model.card.frontend))
            return jax.numpy.concatenate(seen, axis=-1)[0]

        compiled = jax.jit(outputs)
        # One chunk at a time: on a CPU a batch is no faster, and no memory is needed for it.
        self.features = lambda chunk: np.asarray(compiled(on_device, chunk[None]))


@functools.cache
def frozen(name: str) -> Frozen:
    """Return the frozen network, loaded once."""
    return Frozen(name)


@functools.cache  # five folds share most of their tracks
def track_features(
    track: Track, cache: AudioCache, config: HeadConfig, frontend: LogMelConfig, augment: AugmentConfig, seed: int
) -> np.ndarray:
    """Return the features of a track's chunks and of their augmented copies, shape (n_chunks, n_features)."""
    network, genres = frozen(config.pretrained), (track.genre,)
    parts = [examples.chunks([track], genres, cache, frontend, config.hop_s)]
    every_chunk = SamplingConfig(balance="none", length_power=1.0)
    for view in range(config.n_views):
        parts.append(examples.crops([track], genres, cache, frontend, augment, every_chunk, seed=1000 * seed + view))
    elements: list[Any] = [chunks[number] for chunks in parts for number in range(len(chunks))]
    return np.array([network.features(element["inputs"]) for element in elements if element["weight"]])


def fit_head(
    tracks: Sequence[Track],
    genres: Sequence[str],
    cache: AudioCache,
    config: HeadConfig,
    frontend: LogMelConfig,
    augment: AugmentConfig,
    sampling: SamplingConfig,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Fit the head to tracks; ``sampling`` sets the weight of each class, artist and track.

    Returns:
        The kernel, shape (n_features, n_classes), and the bias, for unscaled features.
    """
    console = Console(stderr=True)
    rows = [
        track_features(track, cache, config, frontend, augment, seed)
        for track in progress(tracks, "frozen network", console=console, disable=not console.is_terminal)
    ]
    number = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    labels = np.array([genres.index(track.genre) for track in tracks])[number]
    features = np.concatenate([row for row in rows if len(row)])
    penalty = config.penalty
    if penalty is None:
        penalty = chosen_penalty(features, labels, number, tracks, len(genres))
        print(f"penalty {penalty:g}, chosen in inner folds")
    fit = LinearFit(features, row_weights(tracks, number, sampling), np.full(features.shape[1], penalty))
    return fit.fit(labels, len(genres), N_STEPS)


def chosen_penalty(
    features: np.ndarray, labels: np.ndarray, number: np.ndarray, tracks: Sequence[Track], n_genres: int
) -> float:
    """Return the penalty with which the genres of other artists' tracks are most likely.

    Args:
        features: Of chunks, shape (n_rows, n_features).
        labels: The genre of each, shape (n_rows,).
        number: The index in ``tracks`` of each one's track, shape (n_rows,).
        tracks: The tracks to learn from.
        n_genres: Number of genres.
    """
    used, place = np.unique(number, return_inverse=True)
    has = np.zeros((len(used), n_genres), bool)
    has[place, labels] = True
    artists = [artist_name(tracks[one].artist) or tracks[one].name for one in used]
    songs = Examples(tuple(artists), has, features, place, np.zeros((len(place), 0)), False)
    return chosen_strength(songs, np.unique(artists, return_inverse=True)[1])
