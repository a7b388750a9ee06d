"""Damaged audio files through decoding, conditioning, resampling and cutting."""

import functools
import os
from pathlib import Path

import numpy as np

from genrestream.audio.chunks import Chunker
from genrestream.audio.conditioning import Conditioner
from genrestream.audio.resample import Resampler
from genrestream.audio.source import AudioSource
from genrestream.errors import AudioError
from tests.fuzz import seeds
from tests.fuzz.mutations import mutated

RATE, LOST_S = 16_000, 1.0
# Frames one after another: nothing tells that some at the end are missing.
NO_LENGTH = ("adts.aac", "bare.mp2", "bare.ac3", "mp2.ts")


def attempt(folder: Path, number: int, rng: np.random.Generator) -> tuple[str, str, str]:
    """Read one damaged file; return what it was, its outcome and the message."""
    names = seeds.names()
    name, other = names[number % len(names)], names[int(rng.integers(len(names)))]
    content, damage = mutated((folder / name).read_bytes(), rng, (folder / other).read_bytes())
    path = folder / f"{os.getpid()}-{name}"
    path.write_bytes(content)
    what = f"{name} {'+'.join(damage)}"
    try:
        with AudioSource(path) as source:
            formats, length_s = _length(source)
            if source.problems:
                return what, "reported", "; ".join(source.problems)
            claimed_s = source.duration_s or 0.0
    except AudioError as error:
        return what, "refused", str(error)
    finally:
        path.unlink()
    return what, _outcome(folder / name, damage, formats, length_s, claimed_s), f"{length_s:.2f} s of {claimed_s:.2f} s"


def _outcome(seed: Path, damage: tuple[str, ...], formats: set, length_s: float, claimed_s: float) -> str:
    """Say whether audio is missing without a word; a file with another header, rate or channels is another file."""
    seed_formats, seed_s = _seed(seed)
    if length_s >= seed_s - LOST_S or seed.name in NO_LENGTH or "beheaded" in damage or formats != seed_formats:
        return "read"
    if not claimed_s:
        return "untold"
    return "claimed" if claimed_s <= length_s + LOST_S else "silent loss"


@functools.cache
def _seed(path: Path) -> tuple[set[tuple[int, int]], float]:
    with AudioSource(path) as source:
        return _length(source)


def _length(source: AudioSource) -> tuple[set[tuple[int, int]], float]:
    """Take a source through all stages before the model; return its formats and its length in seconds."""
    conditioner, resampler = Conditioner(), Resampler(RATE)
    chunker, formats, length_s = Chunker(3 * RATE, 3 * RATE, RATE), set(), 0.0
    for block, sample_rate in source:
        formats.add((len(block), sample_rate))
        length_s += block.shape[1] / sample_rate
        for mono, rate in conditioner.push(block, sample_rate):
            chunker.push(resampler.push(mono, rate))
    for mono, rate in conditioner.flush():
        chunker.push(resampler.push(mono, rate))
    chunker.push(resampler.flush())
    chunker.flush()
    return formats, length_s
