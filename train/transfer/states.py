"""The outputs for music, speech and noise, fitted on the same frozen features as the genres."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genrestream.errors import UsageError
from genrestream.teaching.embeddings import kept
from genrestream.teaching.fit import fit_linear
from train.augment.config import AugmentConfig
from train.data.cache import AudioCache
from train.data.readers.folders import read
from train.data.tracks import Track
from train.input.examples import levelled
from train.transfer.frozen import FOLDER, VERSION, FrozenPair, Views, all_rows

STATES = ("music", "speech", "noise")
SHARES = (0.6, 0.2, 0.2)  # of the loss, before MIX_WEIGHT
MIX_WEIGHT = 2.0  # of a chunk of speech over music, against one of music alone
PENALTY, N_STEPS = 3e-4, 50
VIEWS = Views(n_chunks=4, n_crops=1, n_poor=0)
MIXED_DB = (-6.0, 10.0)  # of the music against the speech: all of that is music
MAX_MUSIC = 4  # rows of a track: there is far more music than other sound


@dataclasses.dataclass(frozen=True)
class StatesConfig:
    """How music is distinguished from other sounds.

    Attributes:
        nonmusic: Folder with the folders speech and noise, a folder for each source below them
            (``python -m train.study.nonmusic`` makes one); without it all sound counts as music.
        n_mixes: Chunks of speech over music to learn from; they are music.
        music_bias: Added to the logit of music: above 0, doubtful chunks are music.
    """

    nonmusic: Path | None = None
    n_mixes: int = 300
    music_bias: float = 0.5  # chosen on the folds: see docs/results.md


def fit_states(
    config: StatesConfig,
    pair: FrozenPair,
    music: Sequence[Track],
    music_rows: tuple[np.ndarray, np.ndarray],
    cache: AudioCache,
    augment: AugmentConfig,
    seed: int,
    fold: int | None = None,
    n_folds: int = 5,
) -> tuple[np.ndarray, np.ndarray]:
    """Fit the outputs for ``STATES``.

    Args:
        config: The folder of other sounds, and options.
        pair: The frozen networks.
        music: The training tracks.
        music_rows: Their features, and the place of each row's track in ``music``.
        cache: Where all audio is decoded.
        augment: How copies of what is not music are changed.
        seed: Seed of the draws.
        fold: Sources of this fold are left out, to be scored; None to fit to all.
        n_folds: Number of folds.

    Returns:
        The kernel, shape (n_features, 3), and the bias.

    Raises:
        UsageError: The folder lacks speech or noise.
    """
    others = other_tracks(config, cache, fold, n_folds)
    rows, place = all_rows(pair, others, cache, VIEWS, augment, seed)
    labels = np.array([STATES.index(track.genre) for track in others])[place]
    rng = np.random.default_rng(seed)
    few = np.concatenate([
        rng.permutation(np.flatnonzero(music_rows[1] == number))[:MAX_MUSIC] for number in range(len(music))
    ])  # fmt: skip
    mixed = mixes(config, pair, music, [track for track in others if track.genre == "speech"], cache, seed)
    every = np.concatenate([music_rows[0][few], mixed, rows])
    states = np.concatenate([np.zeros(len(few) + len(mixed), int), labels])
    weights = (np.array(SHARES) / np.maximum(1, np.bincount(states, minlength=len(STATES))))[states]
    weights[len(few) : len(few) + len(mixed)] *= MIX_WEIGHT
    known = pair.blocks["logits"]  # with the embedding it is no better; MusiCNN was trained on music only
    penalties = np.full(known.stop - known.start, PENALTY)
    small, bias = fit_linear(every[:, known], states, weights, penalties, len(STATES), N_STEPS)
    kernel = np.zeros((pair.n_features, len(STATES)), np.float32)
    kernel[known] = small
    bias[0] += config.music_bias
    return kernel, bias


def other_tracks(config: StatesConfig, cache: AudioCache, fold: int | None, n_folds: int) -> list[Track]:
    """Return what is not music, decoded, without the sources of a fold.

    Raises:
        UsageError: The folder lacks speech or noise.
    """
    assert config.nonmusic
    dataset = read(config.nonmusic)
    if dataset.genres != ("noise", "speech"):
        raise UsageError(f"--nonmusic {config.nonmusic}: must hold the folders speech and noise, and no other")
    tracks = cache.fill(dataset.tracks).tracks
    folds = source_folds(tracks, n_folds)
    return [track for track, its in zip(tracks, folds, strict=True) if its != fold]


def source_folds(tracks: Sequence[Track], n_folds: int) -> list[int]:
    """Return a fold for each track, the same for all of a source, with about as many tracks in each."""
    sources = [track.name.split("/")[1] for track in tracks]
    n_in, fold_of = np.zeros(n_folds), {}
    for source in sorted(set(sources), key=lambda one: (-sources.count(one), one)):
        fold_of[source] = int(n_in.argmin())
        n_in[fold_of[source]] += sources.count(source)
    return [fold_of[source] for source in sources]


def mixes(
    config: StatesConfig,
    pair: FrozenPair,
    music: Sequence[Track],
    speech: Sequence[Track],
    cache: AudioCache,
    seed: int,
) -> np.ndarray:
    """Return the features of chunks of speech over music, float16, shape (n_mixes, n_features)."""
    rng, level = np.random.default_rng([seed, 1]), pair.frontend.level
    n_samples = pair.frontend.n_samples

    def crop(track: Track) -> np.ndarray:
        start = int(rng.integers(max(0, cache.n_samples(track) - n_samples) + 1))
        waveform = np.resize(cache.crop(track, start, n_samples), n_samples)
        return waveform / max(1e-6, float(np.sqrt(np.mean(np.square(waveform)))))

    def compute() -> np.ndarray:
        rows = []
        for _ in range(config.n_mixes):
            song, voice = music[int(rng.integers(len(music)))], speech[int(rng.integers(len(speech)))]
            mixed = crop(song) + crop(voice) * 10 ** (-rng.uniform(*MIXED_DB) / 20)
            mixed = (0.1 * mixed).astype(np.float32)
            rows.append(pair.features(levelled(mixed, float(np.mean(np.square(mixed))), level) if level else mixed))
        return np.array(rows, np.float16).reshape(-1, pair.n_features)

    names: list[Any] = [[cache.file(track.path).name for track in side] for side in (music, speech)]
    identity = repr((pair.identity, "mixes", config.n_mixes, seed, names))
    return kept(cache.folder / FOLDER, f"{VERSION} {identity}", compute)
