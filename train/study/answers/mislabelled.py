"""List tracks whose label is probably wrong, by confident learning (Northcutt et al. 2021).

Each track has the probabilities of the fold that did not learn from it. A genre's threshold is the mean probability
of that genre over the tracks that are labelled so. A track is listed if another genre than its own is above its
threshold and more probable than all others that are; the surest disagreement comes first::

    python -m train.study.answers.mislabelled runs/musicnn-yamnet --data ../shared/data/gtzan \
        --more ../shared/data/songs

A listed track is to be listened to: the model may be wrong, and many songs are of two genres.
"""

import csv
import dataclasses
from pathlib import Path

import numpy as np
import tyro

from genrestream.files import write_text
from genrestream.inference.program import use_compile_cache
from genrestream.output.text import printable
from train.command.entry import entry
from train.data.load import read_all
from train.data.tracks import Track
from train.evaluation import held_out
from train.evaluation.report.markdown import table
from train.evaluation.runs import find_system


@dataclasses.dataclass(frozen=True)
class Config:
    """Whose labels to check.

    Attributes:
        run: A run of folds.
        data: The folder of labelled tracks that it was trained on.
        more: Further ones; with some, only the tracks of the last are listed.
        report: The folder of the run's report, which keeps its scores; by default report in the run's folder.
        output: Write the list to this Markdown file.
    """

    run: tyro.conf.Positional[Path]
    data: Path
    more: tuple[Path, ...] = ()
    report: Path | None = None
    output: Path | None = None


def disagreements(probs: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the tracks whose label is probably wrong, the surest first, and the genre of each.

    Args:
        probs: Probabilities by models that were not trained on the tracks, shape (n_tracks, n_classes).
        labels: Their labels, shape (n_tracks,).

    Returns:
        Places in ``labels``, and classes, both of shape (n_found,).
    """
    classes = range(probs.shape[1])
    thresholds = np.array([probs[labels == one, one].mean() if (labels == one).any() else np.inf for one in classes])
    confident = np.where(probs >= thresholds, probs, -1.0)
    other = confident.argmax(axis=1)
    found = np.flatnonzero((confident.max(axis=1) >= 0) & (other != labels))
    margin = probs[found, labels[found]] - probs[found, other[found]]
    found = found[np.argsort(margin, kind="stable")]
    return found, other[found]


def _titles(folder: Path) -> dict[str, str]:
    """Return the titles that a table of tracks names."""
    try:
        with (folder / "tracks.csv").open(newline="", encoding="utf-8") as lines:
            return {row["track"]: row.get("title") or "" for row in csv.DictReader(lines) if row.get("track")}
    except OSError:  # a folder without a table
        return {}


def _rows(tracks: list[Track], titles: dict[str, str], scored: held_out.Scored) -> list[list[str]]:
    probs, genres, rows = scored.track_probs(), scored.genres, []
    for place, other in zip(*disagreements(probs, scored.labels), strict=True):
        track, label = tracks[place], scored.labels[place]
        words = [track.artist or "unknown", titles.get(track.name) or track.name]
        rows.append([
            *(printable(word).replace("|", "/") for word in words),
            f"{genres[label]} ({probs[place, label]:.2f})",
            f"{genres[other]} ({probs[place, other]:.2f})",
        ])  # fmt: skip
    return rows


def main() -> None:
    """Run from the command line."""
    config = tyro.cli(Config, description=__doc__)
    use_compile_cache()
    parts = find_system(str(config.run), read_all(config.data, config.more).tracks).seeds[0]
    scored = held_out.calibrated(held_out.scores(parts, config.report or config.run / "report"), parts)
    folder = [config.data, *config.more][-1]
    tracks = {track.name: track for part in parts for track in part.tracks}
    listed = [name for name in scored.tracks if not config.more or tracks[name].domain == folder.resolve().name]
    rows = _rows([tracks[name] for name in listed], _titles(folder), scored.select(listed))
    text = "\n".join(table(("artist", "track", "label", "answer"), rows))
    print(text + f"\n{len(rows)} of {len(listed)} tracks")
    if config.output:
        write_text(config.output, text)


if __name__ == "__main__":
    entry(main)
