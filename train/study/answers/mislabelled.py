"""List tracks whose label is probably wrong, by the confident learning of ``genrestream teach``.

Each track has the probabilities of the fold that did not learn from it; the surest disagreement comes first::

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
from genrestream.teaching.judging.mislabelled import doubts
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


def _titles(folder: Path) -> dict[str, str]:
    """Return the titles that a table of tracks names."""
    try:
        with (folder / "tracks.csv").open(newline="", encoding="utf-8") as lines:
            return {row["track"]: row.get("title") or "" for row in csv.DictReader(lines) if row.get("track")}
    except OSError:  # a folder without a table
        return {}


def _rows(tracks: list[Track], titles: dict[str, str], scored: held_out.Scored) -> list[list[str]]:
    probs, genres, rows = scored.track_probs(), scored.genres, []
    for doubt in doubts(probs, np.eye(len(genres), dtype=bool)[scored.labels], multi_label=False):
        track, its = tracks[doubt.song], probs[doubt.song]
        words = [track.artist or "unknown", titles.get(track.name) or track.name]
        rows.append([
            *(printable(word).replace("|", "/") for word in words),
            f"{genres[doubt.genre]} ({its[doubt.genre]:.2f})",
            f"{genres[doubt.sounds_like]} ({its[doubt.sounds_like]:.2f})",
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
