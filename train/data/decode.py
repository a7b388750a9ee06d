"""Decoding for training, by the stream's own source, conditioning and resampler: a track sounds the same in both."""

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
        sample_rate: Rate of what comes out, in Hz.
        problems: Where to add what was wrong with the file but did not stop the decoding.

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
            yield from (resampler.push(mono[None], rate) for mono, rate in pieces)
    yield from (resampler.push(mono[None], rate) for mono, rate in conditioner.flush())
    yield resampler.flush()
    if problems is not None:
        problems += source.problems


def chunks_of(path: Path, frontend: FrontendConfig, hop_s: float) -> np.ndarray:
    """Return a file's chunks as a stream would cut them, float32, shape (n_chunks, n_samples).

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
