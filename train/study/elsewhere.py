"""Score models on songs from elsewhere: recordings in Debian's packages, none of which is in GTZAN.

``elsewhere.csv`` names the packages, the files in them, the genre, and where the genre is from: a genre tag, a
title, or a file's name. Songs that name none of the ten genres are not in it. The audio is not in the repository; apt
downloads it from Debian 12's archive (1.5 GB; 280 MB of songs are kept)::

    python -m train.study.elsewhere musicnn                        # fetches once, then five minutes on two cores
    python -m train.study.elsewhere runs/cnn/all/model musicnn --songs ~/songs

Most songs are of two genres, so read the figures by genre and not only the mean.
"""

import csv
import dataclasses
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tyro

import genrestream
from genrestream.errors import UsageError
from genrestream.files import write_text
from genrestream.inference.cache_folder import cache_folder
from genrestream.inference.program import use_compile_cache
from train.command.entry import entry
from train.data.tracks import Track
from train.evaluation.figures import answers
from train.evaluation.metrics import accuracy_interval
from train.evaluation.report.markdown import interval, table
from train.evaluation.scores import Scored
from train.evaluation.scoring import score
from train.study.packages import fetch

LIST = Path(__file__).with_name("elsewhere.csv")


@dataclasses.dataclass(frozen=True)
class Config:
    """What to score.

    Attributes:
        checkpoints: Names of shipped models, or models' folders.
        songs: The songs' folder; by default in genrestream's cache folder.
        longest_s: Seconds of each song to use, from its start.
        output: Write all answers to this JSON file.
    """

    checkpoints: tyro.conf.Positional[tuple[str, ...]] = ("musicnn",)
    songs: Path | None = None
    longest_s: float = 120.0
    output: Path | None = None


def listed() -> list[dict[str, str]]:
    """Return the rows of the list: package, file, genre, label_from, artist, title."""
    with LIST.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def songs(folder: Path, rows: Sequence[dict[str, str]]) -> list[Track]:
    """Return the listed songs, fetched where they are not in the folder.

    Raises:
        UsageError: A package cannot be fetched, or lacks a song.
    """
    for package in sorted({row["package"] for row in rows}):
        files = [row["file"] for row in rows if row["package"] == package]
        if not all((folder / package / file).is_file() for file in files):
            print(f"fetching {package}", file=sys.stderr, flush=True)
            fetch(package, files.__contains__, folder / package)
        if missing := [file for file in files if not (folder / package / file).is_file()]:
            raise UsageError(f"{package}: has no {missing[0]}; the list is of Debian 12's packages")
    return [
        Track(f"{row['package']}/{Path(row['file']).name}", folder / row["package"] / row["file"], row["genre"])
        for row in rows
    ]


def by_genre(scored: Scored) -> dict[str, Any]:
    """Return right answers by genre, and their mean over songs, with its interval, and over genres."""
    right = answers(scored.track_probs()) == scored.labels
    genres = {}
    for label, genre in enumerate(scored.genres):
        if (those := scored.labels == label).any():
            genres[genre] = {"n_songs": int(those.sum()), "n_right": int(right[those].sum())}
    return {
        "n_songs": len(right),
        "accuracy": float(right.mean()),
        "accuracy_95": accuracy_interval(right),
        "mean_over_genres": float(np.mean([row["n_right"] / row["n_songs"] for row in genres.values()])),
        "genres": genres,
        "answers": _answers(scored),
    }


def _answers(scored: Scored) -> list[dict[str, Any]]:
    probs = scored.track_probs()
    return [
        {
            "song": name,
            "genre": scored.genres[label],
            "answer": scored.genres[row.argmax()],
            "probability": round(float(row.max()), 3),
        }
        for name, label, row in zip(scored.tracks, scored.labels, probs, strict=True)
    ]


def _lines(name: str, figures: dict[str, Any]) -> list[str]:
    head = (name, "songs", "right")
    rows = [[genre, row["n_songs"], row["n_right"]] for genre, row in figures["genres"].items()]
    rows.append(["accuracy", figures["n_songs"], f"{figures['accuracy']:.3f} {interval(figures['accuracy_95'])}"])
    rows.append(["mean over genres", "", f"{figures['mean_over_genres']:.3f}"])  # too few songs each for an interval
    wrong = [row for row in figures["answers"] if row["answer"] != row["genre"]]
    words = (f"  {row['song']}: {row['genre']}, answer {row['answer']} ({row['probability']:.2f})" for row in wrong)
    return [*table(head, rows), "Wrong:", *words, ""]


def main() -> None:
    """Run from the command line."""
    config = tyro.cli(Config, description=__doc__)
    use_compile_cache()
    folder = config.songs or (cache_folder() or Path(tempfile.gettempdir())) / "songs"
    tracks = songs(folder, listed())
    figures = {}
    for name in config.checkpoints:
        figures[name] = by_genre(score(genrestream.load(name), tracks, longest_s=config.longest_s, words=name))
        print("\n".join(_lines(name, figures[name])), flush=True)
    if config.output:
        write_text(config.output, json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    entry(main)
