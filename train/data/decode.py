"""Decoding whole files, with the source, conditioning and resampler of the stream, so that the samples are the same."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from genrestream.audio.chunks import Chunk, Chunker
from genrestream.audio.conditioning import Conditioner
from genrestream.audio.resample import Resampler
from genrestream.audio.source import AudioSource
from genrestream.errors import AudioError
from genrestream.features.config import FrontendConfig


def waveform_blocks(path: Path, sample_rate: int, problems: list[str] | None = None) -> Iterator[np.ndarray]:
    """Decode a file block by block to mono float32 at a rate.

    Args:
        path: The file.
        sample_rate: Rate of the blocks that are returned, in Hz.
        problems: A list to add faults of the file to that do not stop the decoding.

    Raises:
        AudioError: It cannot be decoded.
    """
    conditioner, resampler = Conditioner(), Resampler(sample_rate)
    with AudioSource(path) as source:
        for block, rate_in in source:
            try:
                pieces = conditioner.push(block, rate_in)
            except AudioError as error:
                raise AudioError(f"{path}: {error}") from error
            yield from (resampler.push(mono, rate) for mono, rate in pieces)
    yield from (resampler.push(mono, rate) for mono, rate in conditioner.flush())
    yield resampler.flush()
    if problems is not None:
        problems += source.problems


def waveform_of(path: Path, sample_rate: int | None = None) -> tuple[np.ndarray, int]:
    """Return a file's whole waveform, mono float32, and its rate in Hz.

    Args:
        path: The file.
        sample_rate: The rate to resample to, in Hz; the file's own where not given (its first, if that changes).

    Raises:
        AudioError: It cannot be decoded, or is empty.
    """
    sample_rate = sample_rate or _own_rate(path)
    return np.concatenate(list(waveform_blocks(path, sample_rate))), sample_rate


def chunks_of(path: Path, frontend: FrontendConfig, hop_s: float) -> np.ndarray:
    """Return a file's chunks as a stream cuts them, float32, shape (n_chunks, n_samples).

    Raises:
        AudioError: It cannot be decoded or is too short for one chunk.
    """
    chunker = Chunker(frontend.n_samples, round(hop_s * frontend.sample_rate), frontend.sample_rate)
    chunks: list[Chunk] = []
    for block in waveform_blocks(path, frontend.sample_rate):
        chunks += chunker.push(block)
    chunks += chunker.flush()[0]
    if not chunks:
        raise AudioError(f"{path}: too short for a chunk")
    return np.stack([chunk.waveform for chunk in chunks])


def _own_rate(path: Path) -> int:
    with AudioSource(path) as source:
        for _, sample_rate in source:
            return sample_rate
    raise AudioError(f"{path}: has no samples")
