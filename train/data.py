"""Labelled music: which tracks there are, their genres, and the folds that keep artists apart."""

import csv
from pathlib import Path

from genrestream.errors import AudioError, UsageError
from train.decode import chunks_of
from train.tracks import Track

__all__ = ["Track", "chunks_of", "gtzan_tracks"]


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
        tracks.append(Track(row["track"], path, row["genre"], row["split"], folds[row["track"]], row["artist"]))
    return tracks


def _rows(file: Path) -> list[dict[str, str]]:
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            return list(csv.DictReader(lines))
    except OSError as error:
        raise UsageError(
            f"--data: {file} cannot be read ({error.strerror}); give a folder with GTZAN's lists"
        ) from error
