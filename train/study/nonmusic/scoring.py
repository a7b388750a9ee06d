"""How much of what is not music a model calls music; each file is a stream of its own."""

import csv
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track as progress

from genrestream.api import Classifier
from genrestream.errors import UsageError
from train.data.readers.folders import read
from train.evaluation.metrics import accuracy_interval
from train.evaluation.report.markdown import interval, table
from train.transfer.states import source_folds

CALLS = ("music", "speech", "noise", "silence")
HEAD = ("chunks", "called music", "and a genre named", "called speech", "noise", "silence")


@dataclasses.dataclass(frozen=True)
class Call:
    """What a model calls one chunk.

    Attributes:
        kind: What it is: speech or noise.
        package: Its source.
        called: One of ``CALLS``.
        is_named: Whether it is called music and the model names a genre.
    """

    kind: str
    package: str
    called: str
    is_named: bool


def calls(model: Classifier, folder: Path, words: str, only: Sequence[str] = ()) -> list[Call]:
    """Return what a model calls each chunk of the files in a folder's list.

    Args:
        model: The model.
        folder: As ``build`` writes it.
        words: Text of the progress bar.
        only: Packages to use; all by default.

    Raises:
        UsageError: The folder has no list, or one without these packages.
        AudioError: A file is missing or cannot be decoded.
    """
    if not (folder / "list.csv").is_file():
        raise UsageError(f"{folder}: has no list.csv; run without --score to make the folder")
    with (folder / "list.csv").open(newline="", encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if not only or row["package"] in only]
    if not rows:
        raise UsageError(
            f"{folder / 'list.csv'}: lists no file of {', '.join(only) or 'any package'}; make the folder again"
        )
    return [
        call for row in progress(rows, words, console=Console(stderr=True)) for call in _of_file(model, folder, row)
    ]


def packages_of_folds(folder: Path, n_folds: int) -> list[tuple[str, ...]]:
    """Return the packages that the training of each fold leaves out.

    Raises:
        UsageError: The folder holds no such files.
    """
    tracks = read(folder).tracks
    folds = source_folds(tracks, n_folds)
    names = [track.name.split("/")[1] for track in tracks]
    return [
        tuple(sorted({name for name, its in zip(names, folds, strict=True) if its == fold})) for fold in range(n_folds)
    ]


def _of_file(model: Classifier, folder: Path, row: dict[str, str]) -> Iterator[Call]:
    with model.stream(folder / row["file"]) as stream:
        for chunk in stream:
            is_named = chunk.kind == "music" and chunk.running.state == "music"
            yield Call(row["file"].split("/")[0], row["package"], chunk.kind, is_named)


def shares(found: Sequence[Call], is_it: Sequence[bool]) -> tuple[float, tuple[float, float]]:
    """Return the share of chunks for which something holds, with its 95 % bootstrap interval over packages."""
    packages = np.unique([call.package for call in found], return_inverse=True)[1]
    n_chunks = np.bincount(packages)
    n_such = np.bincount(packages, weights=np.array(is_it, float))
    return float(np.mean(is_it)), accuracy_interval(n_such / n_chunks, weights=n_chunks)


def report(name: str, found: Sequence[Call]) -> list[str]:
    """Return two tables as lines: by kind, with intervals over packages, and by package, the worst first."""
    kinds = {kind: [call for call in found if call.kind == kind] for kind in ("speech", "noise")}
    rows = [_row(words, its, True) for words, its in [("all", found), *kinds.items()] if its]
    groups: dict[str, list[Call]] = {}
    for call in found:
        groups.setdefault(f"{call.kind}/{call.package}", []).append(call)
    worst = sorted(groups, key=lambda group: -np.mean([call.is_named for call in groups[group]]))
    by_package = [_row(group, groups[group], False) for group in worst]
    head = (name, *HEAD)
    return [*table(head, rows), "Brackets are 95 % bootstrap intervals over packages.", "", *table(head, by_package)]


def _row(words: str, found: Sequence[Call], has_intervals: bool) -> list[object]:
    cells: list[object] = [words, len(found)]
    for is_it in ([call.called == "music" for call in found], [call.is_named for call in found]):
        share, ends = shares(found, is_it)
        cells.append(f"{share:.3f} {interval(ends)}" if has_intervals else f"{share:.3f}")
    return cells + [f"{np.mean([call.called == other for call in found]):.3f}" for other in CALLS[1:]]
