"""Compare two runs of folds on the same tracks, dataset by dataset, by McNemar's exact test.

``train.evaluate`` compares runs on the tracks that both hold out. Here the second run's fold of a number is also
scored on what only the first run's fold of that number holds out, such as songs of a dataset that only the first run
was trained on. The folds of both runs must be of the same division::

    python -m train.study.answers.paired runs/musicnn-yamnet runs/musicnn --data ../shared/data/gtzan \
        --more ../shared/data/songs

With ``--seconds 3 6 9 30`` the votes after so many seconds are compared too, on the tracks that last for 30 s.
"""

import dataclasses
from pathlib import Path

import numpy as np
import tyro

from genrestream.errors import UsageError
from genrestream.inference.program import use_compile_cache
from train.command.entry import entry
from train.data.load import read_all
from train.data.splits import artist_name
from train.data.tracks import Track
from train.evaluation import held_out
from train.evaluation.figures import correct, paired
from train.evaluation.metrics import accuracy_interval
from train.evaluation.report.markdown import interval, p_value, table
from train.evaluation.runs import Part, find_system
from train.evaluation.scores import Scored

HEAD = ("difference", "only first", "only second", "p")


@dataclasses.dataclass(frozen=True)
class Config:
    """What to compare.

    Attributes:
        first: A run of folds.
        second: Another one; its folds must not have learnt from what the first one's hold out.
        data: The folder of labelled tracks that both were trained on.
        more: Further ones that the first was trained on.
        seconds: After how many seconds to compare too.
        output: Folder for the scores; by default paired in the first run's folder.
    """

    first: tyro.conf.Positional[Path]
    second: tyro.conf.Positional[Path]
    data: Path
    more: tuple[Path, ...] = ()
    seconds: tuple[float, ...] = ()
    output: Path | None = None


def on_the_same_tracks(
    first: tuple[Part, ...], second: tuple[Part, ...], tracks: tuple[Track, ...]
) -> tuple[Part, ...]:
    """Return the second run's folds with the tracks of the first one's.

    Args:
        first: The first run's folds.
        second: The second run's folds, each with the tracks that it holds out.
        tracks: All labelled tracks.

    Raises:
        UsageError: The runs have other folds, or a fold of the second run may know an artist of the first one's tracks.
    """
    if len(first) != len(second):
        raise UsageError(f"the runs have {len(first)} and {len(second)} folds; both must have the same")
    scored = {track.name for part in second for track in part.tracks}
    for one, other in zip(first, second, strict=True):
        own = {track.name for track in other.tracks}
        learnt = {artist_name(track.artist) for track in tracks if track.artist and track.name in scored - own}
        for track in one.tracks:
            known = track.name in scored - own or (track.artist and artist_name(track.artist) in learnt)
            if known:
                raise UsageError(f"{track.name}: {other.model.path} may have learnt from it or its artist")
    return tuple(Part(other.model, one.tracks) for one, other in zip(first, second, strict=True))


def main() -> None:
    """Run from the command line."""
    config = tyro.cli(Config, description=__doc__)
    use_compile_cache()
    tracks = read_all(config.data, config.more).tracks
    first, second = (find_system(str(run), tracks).seeds[0] for run in (config.first, config.second))
    second = on_the_same_tracks(first, second, tracks)
    output = config.output or config.first / "paired"
    one, other = (held_out.scores(parts, output) for parts in (first, second))
    domain_of = {track.name: track.domain for track in tracks}
    lengths_s = dict(zip(one.tracks, one.lengths_s(), strict=True))
    rows = []
    for domain in dict.fromkeys(track.domain for track in tracks):
        names = [name for name in one.tracks if domain_of[name] == domain]
        long = [name for name in names if lengths_s[name] >= max(config.seconds, default=0)]
        rows.append([domain or config.data.name, "all", *cells(one.select(names), other.select(names))])
        for until_s in config.seconds if long else ():
            rows.append(["", f"{until_s:g} s", *cells(one.select(long), other.select(long), until_s)])
    head = ("dataset", "after", "tracks", config.first.name, config.second.name)
    print("\n".join(table((*head, *HEAD), rows)))


def cells(one: Scored, other: Scored, until_s: float = np.inf) -> list[object]:
    """Return the number of tracks, both accuracies with intervals, and what ``HEAD`` names, after so many seconds."""
    figures = paired(one, other, until_s)
    rights = [correct(scored, until_s=until_s) for scored in (one, other)]
    return [
        figures["n_tracks"],
        *(f"{right.mean():.3f} {interval(accuracy_interval(right))}" for right in rights),
        f"{figures['difference']:+.3f} {interval(figures['difference_95'])}",
        figures["only_first"],
        figures["only_second"],
        p_value(figures["p"]),
    ]


if __name__ == "__main__":
    entry(main)
