"""Labelled music: which tracks there are, their genres, and the folds that keep artists apart."""

import csv
import dataclasses
from pathlib import Path

import numpy as np

from genrestream.audio import AudioSource
from genrestream.chunks import Chunker
from genrestream.errors import AudioError, UsageError
from genrestream.frontend import LogMelConfig
from genrestream.resample import Resampler


@dataclasses.dataclass(frozen=True)
class Track:
    """One labelled recording.

    Attributes:
        name: Its name in the split lists, such as ``blues.00000``.
        path: Its file.
        genre: Its label.
        split: ``train``, ``validation`` or ``test`` of the published fault-filtered lists, or ``none``.
        fold: Its artist fold, 0 to 4.
    """

    name: str
    path: Path
    genre: str
    split: str
    fold: int


def gtzan_tracks(folder: Path) -> list[Track]:
    """Read the tracks of a GTZAN folder with ``tracks.csv`` and ``splits/artist_folds.csv``.

    Raises:
        UsageError: A list is missing, or a track has no fold.
        AudioError: A track's file is missing.
    """
    folds = {row["track"]: int(row["fold"]) for row in _rows(folder / "splits" / "artist_folds.csv")}
    tracks = []
    for row in _rows(folder / "tracks.csv"):
        path = folder / row["file"]
        if row["track"] not in folds:
            raise UsageError(f"{row['track']}: in tracks.csv, but in no fold of splits/artist_folds.csv")
        if not path.is_file():
            raise AudioError(f"{path}: listed in tracks.csv, but not there")
        tracks.append(Track(row["track"], path, row["genre"], row["split"], folds[row["track"]]))
    return tracks


def _rows(file: Path) -> list[dict[str, str]]:
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            return list(csv.DictReader(lines))
    except OSError as error:
        raise UsageError(
            f"--data: {file} cannot be read ({error.strerror}); give a folder with GTZAN's lists"
        ) from error


def chunks_of(path: Path, frontend: LogMelConfig, hop_s: float) -> np.ndarray:
    """Return a file's chunks as a stream would cut them, float32, shape (n_chunks, n_samples).

    Raises:
        AudioError: It cannot be decoded or is too short for one chunk.
    """
    resampler = Resampler(frontend.sample_rate)
    chunker = Chunker(frontend.n_samples, round(hop_s * frontend.sample_rate), frontend.sample_rate)
    chunks = []
    with AudioSource(path) as source:
        for block, sample_rate in source:
            chunks += chunker.push(resampler.push(block, sample_rate))
    chunks += chunker.push(resampler.flush()) + chunker.flush()[0]
    if not chunks:
        raise AudioError(f"{path}: too short for a chunk")
    return np.stack([chunk.waveform for chunk in chunks])
