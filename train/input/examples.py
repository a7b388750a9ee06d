"""The examples of the input pipeline, on grain: random crops for training, the stream's chunks for evaluation.

Each example is a dict of ``inputs`` (float32), ``label`` (int32) and ``weight`` (float32). Silence has
weight 0, since the stream does not vote on it either. One seed determines all examples, for any number of threads and
worker processes.
"""

import functools
from collections.abc import Sequence
from typing import Protocol

import grain
import numpy as np

from genrestream.audio.chunks import Chunker
from genrestream.audio.conditioning import LevelConfig, level_gain
from genrestream.audio.silence import is_silent
from genrestream.streaming.config import StreamConfig
from train.augment.config import OFF, AugmentConfig
from train.augment.waveform import augmented
from train.data.cache import AudioCache
from train.data.hosts import is_here
from train.data.tracks import Track
from train.input.batching import N_SEEDS, Element
from train.input.sampling import SamplingConfig, shares

SILENCE_DB = StreamConfig.silence_db
MAX_DRAWS = 4  # tries to find a crop that is not silent


class Frontend(Protocol):
    """What the pipeline needs from a front end's config."""

    @property
    def sample_rate(self) -> int:
        """Samples a second."""
        ...

    @property
    def n_samples(self) -> int:
        """Samples in one chunk."""
        ...

    @property
    def level(self) -> LevelConfig | None:
        """The loudness that chunks are set to; None to leave them as they are."""
        ...


def crops(
    tracks: Sequence[Track],
    genres: Sequence[str],
    cache: AudioCache,
    frontend: Frontend,
    augment: AugmentConfig = OFF,
    sampling: SamplingConfig | None = None,
    seed: int = 0,
) -> grain.MapDataset[Element]:
    """Return an epoch of random crops, for ``batches``, which repeats it with new draws each epoch.

    Args:
        tracks: The tracks to crop from, as ``AudioCache.fill`` returned them; those of other hosts are left out.
        genres: The label set, in order.
        cache: The decoded tracks.
        frontend: Length and sample rate of a crop.
        augment: How crops are changed.
        sampling: How often each track is drawn.
        seed: Seed of the draws.
    """
    tracks = sorted(filter(is_here, tracks), key=lambda track: genres.index(track.genre))
    draw = _Draw(tracks, genres, cache, frontend, augment, sampling or SamplingConfig())
    return grain.MapDataset.range(draw.n_crops).seed(seed % N_SEEDS).random_map(draw)


def n_crops(tracks: Sequence[Track], cache: AudioCache, frontend: Frontend, sampling: SamplingConfig) -> int:
    """Return the number of crops in an epoch, over the tracks of all hosts."""
    return sampling.crops_per_epoch or sum(len(spans(cache.n_samples(track), frontend)) for track in tracks)


class _Draw:
    """Draws one crop of one track."""

    def __init__(
        self,
        tracks: Sequence[Track],
        genres: Sequence[str],
        cache: AudioCache,
        frontend: Frontend,
        augment: AugmentConfig,
        sampling: SamplingConfig,
    ):
        self.tracks, self.cache, self.frontend, self.augment = tracks, cache, frontend, augment
        self.labels = np.array([genres.index(track.genre) for track in tracks])
        n_chunks = np.array([len(spans(cache.n_samples(track), frontend)) for track in tracks])
        share, self.weights = shares(tracks, n_chunks, sampling)
        self.until = np.cumsum(share) / share.sum()
        self.n_crops = sampling.crops_per_epoch or int(n_chunks.sum())

    def __call__(self, position: int, rng: np.random.Generator) -> Element:
        # Stratified: one draw from each of n_crops equal parts spreads the draws evenly and gives each track its share.
        drawn = (position % self.n_crops + rng.random()) / self.n_crops
        number = min(int(np.searchsorted(self.until, drawn, side="right")), len(self.tracks) - 1)
        waveform, is_sound = self._crop_with_sound(self.tracks[number], rng)
        weight = self.weights[number] * is_sound
        changed = augmented(waveform, self.frontend.sample_rate, rng, self.augment)
        if self.frontend.level:
            share = self._share_of_history(self.tracks[number], waveform, rng)
            changed = levelled(changed, share * float(np.mean(np.square(changed))), self.frontend.level)
        return _element(changed, self.labels[number], weight)

    def _share_of_history(self, track: Track, waveform: np.ndarray, rng: np.random.Generator) -> float:
        """Return the power of a piece of the track, divided by the crop's; 1 for half of the crops, as at a start.

        The piece stands for the seconds that a stream has received so far; any place in the track is suitable.
        """
        if rng.random() < 0.5 or not self.frontend.level:
            return 1.0
        n_window = round(self.frontend.level.window_s * self.frontend.sample_rate)
        start = int(rng.integers(max(0, self.cache.n_samples(track) - n_window) + 1))
        history = self.cache.crop(track, start, n_window)
        return float(np.mean(np.square(history)) / max(1e-12, np.mean(np.square(waveform))))

    def _crop_with_sound(self, track: Track, rng: np.random.Generator) -> tuple[np.ndarray, bool]:
        """Return a crop, and whether it has sound: a few are drawn to find one that has."""
        waveform = np.empty(0)
        for _ in range(MAX_DRAWS):
            waveform = self._crop(track, rng)
            if not is_silent(waveform, self.frontend.sample_rate, SILENCE_DB):
                return waveform, True
        return waveform, False

    def _crop(self, track: Track, rng: np.random.Generator) -> np.ndarray:
        n_samples, sample_rate = self.frontend.n_samples, self.frontend.sample_rate
        warp = self.augment.warp(rng)
        n_needed = warp.source_length(n_samples, sample_rate)
        start = int(rng.integers(max(0, self.cache.n_samples(track) - n_needed) + 1))
        piece = np.clip(self.cache.crop(track, start, n_needed), -1, 1)
        return warp.apply(np.resize(piece, n_needed), n_samples, sample_rate)


def chunks(
    tracks: Sequence[Track],
    genres: Sequence[str],
    cache: AudioCache,
    frontend: Frontend,
    hop_s: float = 3.0,
) -> grain.MapDataset[Element]:
    """Return the chunks of tracks as a stream cuts them, in order; their ``track`` is the index in ``tracks``.

    Tracks that another host has are left out.
    """
    hop = round(hop_s * frontend.sample_rate)
    places = [
        (number, start, n_received)
        for number, track in enumerate(tracks)
        if is_here(track)
        for start, n_received in spans(cache.n_samples(track), frontend, hop)
    ]

    def cut(place: tuple[int, int, int]) -> Element:
        number, start, n_received = place
        waveform = np.resize(cache.crop(tracks[number], start, n_received), frontend.n_samples)
        weight = float(not is_silent(waveform, frontend.sample_rate, SILENCE_DB))
        if frontend.level:
            n_before = min(start + n_received, round(frontend.level.window_s * frontend.sample_rate))
            history = cache.crop(tracks[number], start + n_received - n_before, n_before)
            waveform = levelled(waveform, float(np.mean(np.square(history))), frontend.level)
        return _element(waveform, genres.index(tracks[number].genre), weight) | {"track": np.int32(number)}

    return grain.MapDataset.source(places).map(cut)


def rows(inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> grain.MapDataset[Element]:
    """Return precomputed features as elements, one for each row of ``inputs``, shape (n_rows, ...)."""
    weights = np.ones(len(labels)) if weights is None else weights

    def row(number: int) -> Element:
        return _element(inputs[number], labels[number], weights[number])

    return grain.MapDataset.range(len(labels)).map(row)


def levelled(waveform: np.ndarray, power: float, level: LevelConfig) -> np.ndarray:
    """Return a waveform raised or lowered to the level that a stream would give it.

    Args:
        waveform: float32, shape (n_samples,).
        power: Mean power of the seconds up to the waveform's end.
        level: The target loudness.
    """
    return waveform * np.float32(level_gain(power, level))


def _element(inputs: np.ndarray, label: int, weight: float) -> Element:
    return {"inputs": inputs.astype(np.float32, copy=False), "label": np.int32(label), "weight": np.float32(weight)}


@functools.lru_cache(maxsize=10_000)
def _spans(n_samples: int, chunk: int, sample_rate: int, hop: int) -> list[tuple[int, int]]:
    chunker = Chunker(chunk, hop, sample_rate)
    cut = chunker.push(np.broadcast_to(np.float32(0), (n_samples,))) + chunker.flush()[0]
    return [(one.start, one.n_received) for one in cut]


def spans(n_samples: int, frontend: Frontend, hop: int | None = None) -> list[tuple[int, int]]:
    """Return each chunk's start and number of samples for a stream of ``n_samples``."""
    return _spans(n_samples, frontend.n_samples, frontend.sample_rate, hop or frontend.n_samples)
