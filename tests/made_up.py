"""Scores and data made up for tests: no model, no audio, or synthetic audio."""

import csv
from pathlib import Path

import numpy as np

from tests.conftest import encode, music
from train.scored import Scored

GENRES = ("blues", "jazz", "rock")


def scores(n_tracks: int = 60, n_chunks: int = 4, skill: float = 2.0, seed: int = 0) -> Scored:
    """Make up chunks whose logits favour the right genre by so much, with unit noise."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n_tracks) % len(GENRES)
    track = np.repeat(np.arange(n_tracks), n_chunks)
    logits = rng.normal(size=(len(track), len(GENRES))) + skill * np.eye(len(GENRES))[labels[track]]
    return Scored(
        GENRES,
        tuple(f"track{number:03}" for number in range(n_tracks)),
        labels,
        np.ones(n_tracks),
        track,
        np.tile(3.0 * np.arange(n_chunks), n_tracks),
        logits,
        3.0,
    )


def gtzan(folder: Path, genres: tuple[str, ...], n_each: int = 2, seconds: float = 4.0) -> Path:
    """Write a folder laid out as GTZAN here is, of synthetic music, two folds."""
    rows = []
    for number, name in enumerate(f"{genre}.{n:05}" for n in range(n_each) for genre in genres):
        path = folder / name.split(".")[0] / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        encode(path, music(seconds, seed=number), 16_000, "pcm_s16le")
        rows.append({"track": name, "genre": name.split(".")[0], "file": str(path.relative_to(folder))})
    (folder / "splits").mkdir(parents=True, exist_ok=True)
    _write(folder / "tracks.csv", [row | {"split": "test", "artist": "", "seconds": seconds} for row in rows])
    folds = [{"track": row["track"], "fold": int(row["track"][-1]) % 2} for row in rows]
    _write(folder / "splits" / "artist_folds.csv", folds)
    return folder


def _write(file: Path, rows: list[dict]) -> None:
    with file.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, rows[0])
        writer.writeheader()
        writer.writerows(rows)
