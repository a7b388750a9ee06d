"""GTZAN: tracks known by their names, with the published fault-filtered lists, its duplicates and our artist folds.

The lists hold names only. Fault-filtered: Kereliuk, Sturm and Larsen 2015, 443/197/290 tracks. Duplicates: Sturm 2013.
The artist folds are ours, over the 673 tracks that we have: no artist and no duplicate is in two.
"""

import dataclasses
import functools
import re
from pathlib import Path

from train.data.tracks import SIDES, Dataset

LISTS = Path(__file__).parent / "lists" / "gtzan"
GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
NAME = re.compile(rf"(?:{'|'.join(GENRES)})\.\d{{5}}")


def is_gtzan(dataset: Dataset) -> bool:
    """Whether most tracks have GTZAN's names, such as ``blues.00000``, in whatever folder."""
    return 2 * sum(_is_listed(track.name) for track in dataset.tracks) > len(dataset.tracks)


def listed(dataset: Dataset) -> Dataset:
    """Give GTZAN's tracks their plain names, splits, folds and more duplicates; others stay as they are, in no list."""
    splits, folds = _splits(), _folds()
    tracks = []
    for track in dataset.tracks:
        name = _plain(track.name)
        tracks.append(dataclasses.replace(track, name=name, split=splits.get(name, "none"), fold=folds.get(name, -1)))
    pairs = [(_plain(one), _plain(other)) for one, other in dataset.duplicates]
    known = dict.fromkeys([*pairs, *_duplicates()])  # the folder may hold the published list itself
    return dataclasses.replace(dataset, tracks=tuple(tracks), duplicates=tuple(known))


def _plain(name: str) -> str:
    return name.rpartition("/")[2] if _is_listed(name) else name


def _is_listed(name: str) -> bool:
    return bool(NAME.fullmatch(name.rpartition("/")[2]))


def _lines(file: str) -> list[str]:
    return (LISTS / file).read_text(encoding="utf-8").split()


@functools.cache
def _splits() -> dict[str, str]:
    return {name: side for side in SIDES for name in _lines(f"fault_filtered_{side}.txt")}


@functools.cache
def _folds() -> dict[str, int]:
    return {name: int(fold) for name, fold in (line.split(",") for line in _lines("artist_folds.csv")[1:])}


@functools.cache
def _duplicates() -> tuple[tuple[str, str], ...]:
    return tuple((a, b) for a, b in (line.split(",") for line in _lines("duplicates.csv")[1:]))
