"""Chunks of 3 s: cut from long clips, repeated or joined from short ones, and mixed from several."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from train.study.nonmusic.synthetic import CHUNK, RATE, coloured, white

LONGEST = 4  # chunks from one clip, so that one long file is not most of a package
GAP = round(0.15 * RATE)  # silence after each joined clip
QUIETEST_DB = -65.0  # a clip or chunk below it is silence
REPEATED_SHARE = 0.5  # of the clips of 1 to 3 s; the rest are joined
CROWDS, CROWD_FROM = 3, 12  # crowds for each package with so many chunks of speech
VOICES = (8, 24)
NOISY_SHARE = 0.15  # of a package's speech is used a second time, with noise added
NOISY_DB = (3.0, 25.0)  # of the speech against the noise


@dataclasses.dataclass(frozen=True)
class Chunk:
    """A chunk to write.

    Attributes:
        waveform: Float32, shape (48000,), peak 1.
        how: How it was made, and from which files.
    """

    waveform: np.ndarray
    how: str


def is_loud(waveform: np.ndarray) -> bool:
    """Whether a waveform, shape (n_samples,), is finite, 0.05 s or longer, and not silent."""
    if len(waveform) < RATE // 20 or not np.isfinite(waveform).all():
        return False
    return 10 * np.log10(max(1e-20, np.mean(np.square(waveform, dtype=np.float64)))) > QUIETEST_DB


def chunk(waveform: np.ndarray, how: str) -> Chunk:
    """Return a chunk at peak 1; a shorter waveform is repeated, as a stream repeats a short file."""
    whole = np.resize(waveform, CHUNK)
    return Chunk((whole / max(1e-9, np.abs(whole).max())).astype(np.float32), how)


def chunks(clips: Iterable[tuple[str, np.ndarray]], rng: np.random.Generator) -> Iterator[Chunk]:
    """Cut, repeat or join clips, none of them silent.

    Args:
        clips: The name of each, and its waveform at 16 kHz, shape (n_samples,).
        rng: Chooses which are repeated, and the levels of those that are joined.
    """
    joined, names = np.empty(0), []
    for name, waveform in clips:
        if len(waveform) >= CHUNK:
            yield from cut(name, waveform)
        elif len(waveform) >= RATE and rng.random() < REPEATED_SHARE:
            yield chunk(waveform, f"repeated: {name}")
        else:
            level = rng.uniform(0.4, 1) / max(1e-9, np.abs(waveform).max())
            joined = np.concatenate([joined, level * waveform, np.zeros(GAP)])
            names.append(name)
            if len(joined) >= CHUNK:
                yield chunk(joined[:CHUNK], f"joined: {' + '.join(names)}")
                joined, names = np.empty(0), []
    if len(joined) >= RATE:
        yield chunk(joined, f"joined and repeated: {' + '.join(names)}")


def cut(name: str, waveform: np.ndarray) -> Iterator[Chunk]:
    """Yield the chunks of a long clip that are not silent, from its start."""
    for start in range(0, min(len(waveform), LONGEST * CHUNK) - CHUNK + 1, CHUNK):
        if is_loud(part := waveform[start : start + CHUNK]):
            yield chunk(part, f"at {start / RATE:g} s: {name}")


def crowds(speech: Sequence[Chunk], rng: np.random.Generator) -> list[Chunk]:
    """Mix many voices of one package, so that the crowd has the package of its voices; it counts as noise."""
    return [_crowd(speech, rng) for _ in range(CROWDS if len(speech) >= CROWD_FROM else 0)]


def _crowd(speech: Sequence[Chunk], rng: np.random.Generator) -> Chunk:
    chosen = rng.choice(len(speech), min(len(speech), int(rng.integers(*VOICES))), replace=False)
    mixed = sum(
        (np.roll(speech[one].waveform, rng.integers(CHUNK)) * rng.uniform(0.3, 1) for one in chosen), np.zeros(CHUNK)
    )
    return chunk(mixed / np.abs(mixed).max() + 0.01 * coloured(rng, 1), f"crowd of {len(chosen)} voices")


def noisy(speech: Sequence[Chunk], rng: np.random.Generator) -> list[Chunk]:
    """Add white, pink or brown noise to some of the speech."""
    chosen = rng.choice(len(speech), round(NOISY_SHARE * len(speech)), replace=False) if speech else []
    return [_noisy(speech[one], number, rng) for number, one in enumerate(chosen)]


def _noisy(speech: Chunk, number: int, rng: np.random.Generator) -> Chunk:
    noise, snr_db = (white(rng) if number % 3 == 0 else coloured(rng, number % 3)), rng.uniform(*NOISY_DB)
    gain = 10 ** (-snr_db / 20) * np.std(speech.waveform) / np.std(noise)
    return chunk(speech.waveform + gain * noise, f"with noise {snr_db:.0f} dB below, {speech.how}")
