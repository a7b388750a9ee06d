"""MusiCNN and YAMNet, frozen: the features of chunks, cached on disk because they are slow to compute."""

import dataclasses
import hashlib
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from rich.console import Console
from rich.progress import track as progress

from genrestream.audio.conditioning import LevelConfig
from genrestream.errors import UsageError
from genrestream.features.config import LogMelConfig, PairConfig, PatchesConfig
from genrestream.features.frontend import features
from genrestream.inference import checkpoint, shipped
from genrestream.inference.network import bind, load_weights
from genrestream.teaching.embeddings import kept, spread
from train.augment import distort
from train.augment.config import AugmentConfig
from train.augment.waveform import as_loud_as
from train.data.cache import AudioCache
from train.data.tracks import Track
from train.input import examples
from train.input.sampling import SamplingConfig

HALVES = {"musicnn": "musicnn-tags", "yamnet": "yamnet"}  # part of the pair: shipped model
VERSION = 2  # of what the functions of this folder compute; a new one makes kept features be computed again
FOLDER = "features"  # in the audio cache's folder
HOP_S = 3.0  # from one training chunk's start to the next one's


@dataclasses.dataclass(frozen=True)
class Views:
    """Which excerpts of a track are used.

    Attributes:
        n_chunks: Chunks as the stream cuts them, at most, spread over the track.
        n_crops: Augmented crops.
        n_poor: Degraded chunks, at most: alternately with a telephone's band and with noise.
    """

    n_chunks: int = 10
    n_crops: int = 3
    n_poor: int = 6

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 0:
                raise UsageError(f"--{name.replace('_', '-')} {value}: must be 0 or more")


class FrozenPair:
    """Both networks side by side, without the output layer.

    Args:
        level: To what loudness chunks are brought before.

    Attributes:
        frontend: Its front end.
        weights: All weights but the output layer's, by the names in ``MusiCNNYAMNet``.
        folders: The folders of the two models.

    Raises:
        CheckpointError: One of the two is missing or damaged.
    """

    def __init__(self, level: LevelConfig | None):
        models = {half: checkpoint.read(shipped.find(name)) for half, name in HALVES.items()}
        self.folders = [model.path for model in models.values()]
        self.provenance = {half: model.card.provenance for half, model in models.items()}
        self.frontend = PairConfig(LogMelConfig(), PatchesConfig(), level)
        self.weights = {
            f"{half}.{name}": array
            for half, model in models.items()
            for name, array in load_weights(model).items()
            if half == "yamnet" or not name.startswith("output.")
        }
        made_of = [self.frontend, *(model.card.weights_sha256 for model in models.values())]
        self.identity = hashlib.sha256(repr(made_of).encode()).hexdigest()
        card = checkpoint.Card(
            "pair", "musicnn_yamnet", {}, self.frontend, ("one", "other"), False, 1.0, 0.5, {}, {}
        )  # the labels do not matter: only what is before the output layer is used
        network = bind(card)
        missing = {"output.kernel": np.zeros((self.n_features, 2), np.float32), "output.bias": np.zeros(2, np.float32)}

        def outputs(weights: dict[str, Any], chunk: jax.Array) -> jax.Array:
            return network(weights).features(features(chunk, self.frontend))[0]

        compiled, on_device = jax.jit(outputs), jax.device_put(self.weights | missing)
        self.features: Callable[[np.ndarray], np.ndarray] = lambda chunk: np.asarray(compiled(on_device, chunk[None]))

    @property
    def blocks(self) -> dict[str, slice]:
        """Where each network's features are: MusiCNN's, YAMNet's embedding, YAMNet's logits."""
        n_logits = len(self.weights["yamnet.output.bias"])
        n_embedding = len(self.weights["yamnet.output.kernel"])
        n_musicnn = len(self.weights["musicnn.penultimate.bias"]) + len(self.weights["musicnn.pooled_norm.mean"])
        ends = np.cumsum([0, n_musicnn, n_embedding, n_logits]).tolist()
        return dict(zip(("musicnn", "embedding", "logits"), map(slice, ends[:-1], ends[1:]), strict=True))

    @property
    def n_features(self) -> int:
        """How many features a chunk has."""
        return self.blocks["logits"].stop


def track_rows(
    pair: FrozenPair, track: Track, cache: AudioCache, views: Views, augment: AugmentConfig, seed: int
) -> np.ndarray:
    """Return the features of a track's views, float16, shape (n_rows, n_features)."""

    def compute() -> np.ndarray:
        genres, frontend = (track.genre,), pair.frontend
        chunks = examples.chunks([track], genres, cache, frontend, HOP_S)
        elements: list[Any] = [chunks[place] for place in spread(len(chunks), views.n_chunks)]
        rng = np.random.default_rng([seed, zlib.crc32(track.name.encode())])
        for number, place in enumerate(spread(len(chunks), views.n_poor), int(rng.integers(2))):
            element: Any = chunks[place]
            elements.append(element | {"inputs": poor(element["inputs"], frontend.sample_rate, number, rng)})
        if views.n_crops:
            sampling = SamplingConfig(balance="none", crops_per_epoch=views.n_crops)
            crops = examples.crops([track], genres, cache, frontend, augment, sampling, seed)
            elements += [crops[number] for number in range(len(crops))]
        rows = [pair.features(element["inputs"]) for element in elements if element["weight"]]
        return np.array(rows, np.float16).reshape(-1, pair.n_features)

    drawn = (augment, seed) if views.n_crops or views.n_poor else ()
    identity = repr((pair.identity, cache.file(track.path).name, track.start_s, track.seconds, views, drawn))
    return kept(cache.folder / FOLDER, f"{VERSION} {identity}", compute)


def poor(waveform: np.ndarray, sample_rate: int, number: int, rng: np.random.Generator) -> np.ndarray:
    """Return a chunk with a telephone's band where the number is even, else with noise, as loud as before."""
    quiet = 0.1 * waveform  # so that nothing clips
    if number % 2:
        changed = distort.noise(quiet, sample_rate, rng, snr_db=rng.uniform(5, 20), is_pink=rng.random() < 0.25)
    else:
        low_hz, high_hz = rng.uniform(200, 400), rng.uniform(3000, 3800)
        changed = distort.band_limit(quiet, sample_rate, rng, low_hz=low_hz, high_hz=high_hz)
    return as_loud_as(waveform, changed)


def all_rows(
    pair: FrozenPair, tracks: Sequence[Track], cache: AudioCache, views: Views, augment: AugmentConfig, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of all tracks, float16, and the place of each row's track in ``tracks``."""
    console = Console(stderr=True)
    bar = progress(tracks, "frozen networks", console=console, disable=not console.is_terminal)
    parts = [track_rows(pair, track, cache, views, augment, seed) for track in bar]
    return np.concatenate(parts), np.repeat(np.arange(len(parts)), [len(part) for part in parts])
