"""The inputs of ``train.evaluate``: models and runs of folds, each with the tracks that it may be scored on.

::

    musicnn          a shipped model, or a model's folder
    runs/cnn         a run: model, with metrics.jsonl beside it; or of folds: fold0/model, fold1/model, ...
    runs/cnn         a run of several seeds: seed0/fold0/model, ..., seed1/fold0/model, ...
"""

import dataclasses
import hashlib
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from genrestream.errors import CheckpointError, UsageError
from genrestream.inference import checkpoint, shipped
from train.data.splits import PART_S
from train.data.tracks import Track
from train.loop.reports.progress import METRICS_FILE

PIECE = re.compile(r"(?P<whole>.+)@(?P<start>\d+(\.\d+)?)s")  # as train.data.splits.parts names them
MAX_FOLDS = 1000  # that a card may count
Split = Literal["held-out", "train", "validation", "test", "all"]


@dataclasses.dataclass(frozen=True)
class Part:
    """One model and the tracks that it is scored on."""

    model: checkpoint.Checkpoint
    tracks: tuple[Track, ...]


@dataclasses.dataclass(frozen=True)
class System:
    """One row of the comparison.

    Attributes:
        name: Its name in the report.
        seeds: For each seed the parts whose union is scored: one model, or one of each fold.
        warning: Why its figures may be wrong; empty if nothing is known.
    """

    name: str
    seeds: tuple[tuple[Part, ...], ...]
    warning: str = ""

    def learning_curves(self) -> list[list[dict[str, Any]]]:
        """Return the lines of each ``metrics.jsonl`` beside a model of the first seed."""
        files = [part.model.path.parent / METRICS_FILE for part in self.seeds[0]]
        return [_lines(file) for file in files if file.is_file()]


def key_of(parts: Sequence[Part], *more: object) -> str:
    """Return a digest of models and tracks, the key of their scores."""
    digest = hashlib.sha256(repr(more).encode())
    for part in parts:
        card = part.model.card
        digest.update(f"{card.weights_sha256} {card.temperature} {card.sharpness}\n".encode())
        for track in part.tracks:
            digest.update(f"{track.name} {track.genre} {_state(track.path)}\n".encode())
    return digest.hexdigest()


def _state(path: Path) -> tuple[int, int]:
    """Return what changes with a file's content: its size and time; zeros where it is missing."""
    try:
        status = path.stat()
    except OSError:  # scoring says so, in a line
        return 0, 0
    return status.st_size, status.st_mtime_ns


def find_system(name: str, tracks: Sequence[Track], split: Split = "held-out") -> System:
    """Return a model or run by its name or folder.

    Args:
        name: What the user gave.
        tracks: All labelled tracks.
        split: Score the tracks that the models' cards hold out, or a published list, or all.

    Raises:
        UsageError: A model's card holds out no tracks, or holds out tracks that are missing.
        CheckpointError: There is no such model or run, or a model is damaged.
    """
    folder = Path(name)
    folders = sorted(folder.glob("seed*")) or [folder]
    seeds = [_models(seed) for seed in folders]
    if seeds == [[]] and not list(folder.glob("seed*")):
        seeds = [[shipped.find(name)]]
    if not all(seeds):
        raise CheckpointError(f"{name}: a seed has no fold*/model; train it, or remove its folder")
    parts = tuple(tuple(_part(path, tracks, split) for path in models) for models in seeds)
    for seed in parts:
        _check_once([track.name for part in seed for track in part.tracks])
    warnings = _perhaps_trained_on(name, parts)
    for seed_folder, seed in zip(folders, parts, strict=True):
        warnings += _unfinished(seed_folder, seed)
    is_one = len(parts) == len(parts[0]) == 1
    return System(parts[0][0].model.card.name if is_one else folder.name, parts, ". ".join(warnings))


def _perhaps_trained_on(name: str, seeds: Sequence[Sequence[Part]]) -> list[str]:
    """Return a warning if a model is scored on tracks that it does not hold out."""
    known: set[str] = set()
    for part in itertools.chain(*seeds):
        known |= {track.name for track in part.tracks} - set(_held_out(part.model.card))
    line = (
        f"{name} does not hold out {len(known)} of these tracks, such as {min(known, default='')}."
        " If it was trained on them, its figures are far too high"
    )
    return [line] if known else []


def _unfinished(folder: Path, seed: Sequence[Part]) -> list[str]:
    """Return a warning that names the folds without a model, of those that were begun or that the cards count."""
    finished = {part.model.path.parent.name for part in seed if part.model.path.parent.parent == folder}
    if not finished:  # one model, not folds
        return []
    counts = [part.model.card.provenance.get("n_folds") for part in seed]
    n_folds = max((count for count in counts if isinstance(count, int) and count <= MAX_FOLDS), default=0)
    folds = {f"fold{fold}" for fold in range(n_folds)} | {fold.name for fold in folder.glob("fold*")}
    missing = sorted(folds - finished)
    line = f"{folder} is not finished: no model in {', '.join(missing)}, whose tracks are not scored"
    return [line] if missing else []


def _models(folder: Path) -> list[Path]:
    folds = sorted(folder.glob(f"fold*/model/{checkpoint.CARD_FILE}"))
    return [path.parent for path in folds or sorted(folder.glob(f"model/{checkpoint.CARD_FILE}"))]


def _held_out(card: checkpoint.Card) -> list[str]:
    names = card.provenance.get("held_out")
    return [str(name) for name in names] if isinstance(names, list) else []


def _part(path: Path, tracks: Sequence[Track], split: Split) -> Part:
    model = checkpoint.read(path)
    named = {track.name: track for track in tracks}
    if split == "held-out":
        wanted = _held_out(model.card)
        if not wanted:
            lists = ", ".join(choice for choice in get_args(Split) if choice != split)
            raise UsageError(f"{path}: its card holds out no tracks; give --split, one of {lists}")
        found = [_track(name, named) for name in wanted]
        if missing := [name for name, track in zip(wanted, found, strict=True) if track is None]:
            raise UsageError(f"--data: {len(missing)} tracks that {path} holds out are missing, such as {missing[0]}")
        return Part(model, tuple(track for track in found if track))
    chosen = tuple(track for track in tracks if split in ("all", track.split))
    if not chosen:
        raise UsageError(f"--split {split}: the data has no such tracks; give --split all")
    return Part(model, chosen)


def _check_once(names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise UsageError(f"{max(names, key=names.count)}: is held out by two folds; a track is scored by one model")


def _track(name: str, named: Mapping[str, Track]) -> Track | None:
    """Return a track, or the piece of one that ``train.data.splits.parts`` named; None where there is none."""
    if name in named:
        return named[name]
    piece = PIECE.fullmatch(name)
    if not piece or piece["whole"] not in named:
        return None
    return dataclasses.replace(named[piece["whole"]], name=name, start_s=float(piece["start"]), seconds=PART_S)


def _lines(file: Path) -> list[dict[str, Any]]:
    """Read JSON lines; the last one may be cut where a run was killed."""
    rows = []
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows
