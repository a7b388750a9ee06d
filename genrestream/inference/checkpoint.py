"""A model on disk: a folder of ``checkpoint.json``, the weights as orbax v1 writes them, and licence texts.

::

    checkpoints/musicnn/
    ├── checkpoint.json   everything but the weights: a Card as JSON
    ├── weights/          orbax v1, one array a parameter
    └── LICENSE-*.txt     whose work the weights are

Nothing in it is code: reading a stranger's folder runs none.
"""

import dataclasses
import hashlib
import json
import logging
import math
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genrestream.errors import CheckpointError, UsageError
from genrestream.features.config import FrontendConfig, frontend_from_json, frontend_to_json

FORMAT = 1
CARD_FILE, WEIGHTS_FOLDER = "checkpoint.json", "weights"
MAX_PARAMETERS = 1_000_000_000  # a stranger's folder must not fill the memory
TYPES = {"name": str, "model": str, "model_config": dict, "multi_label": bool, "metrics": dict, "provenance": dict}
NOT_IN_NAMES = "/\\:"  # reports name files after the model


@dataclasses.dataclass(frozen=True)
class Card:
    """What ``checkpoint.json`` says of a model.

    Attributes:
        name: The model's name, as ``--model`` takes it.
        model: The network's name in ``genrestream.models.MODELS``.
        model_config: Fields of that network's config.
        frontend: The front end that the weights were trained with.
        labels: The genres or tags, in the order of the logits.
        multi_label: Whether several labels may hold at once (sigmoid) or exactly one does (softmax).
        temperature: Divides the logits, so that the running probability is calibrated.
        min_probability: Below it a running probability counts as unsure.
        metrics: Measured figures by name.
        provenance: Data, split, seed, command, commit, licence.
        weights_sha256: Digest of the weights' folder; set when written.
        format: Version of this layout.
    """

    name: str
    model: str
    model_config: dict[str, Any]
    frontend: FrontendConfig
    labels: tuple[str, ...]
    multi_label: bool
    temperature: float
    min_probability: float
    metrics: dict[str, Any]
    provenance: dict[str, Any]
    weights_sha256: str = ""
    format: int = FORMAT


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A model's folder, its card read and its weights checked but not loaded."""

    path: Path
    card: Card


def read(path: Path) -> Checkpoint:
    """Read a model's card and check its weights' digest.

    Raises:
        CheckpointError: The folder is missing, foreign, truncated, damaged or from a newer version.
    """
    file = path / CARD_FILE
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: not a genrestream model, it has no {CARD_FILE}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{file}: cannot be read as JSON ({error}); fetch the model again") from error
    card = _card(file, fields)
    try:
        digest = _digest(path / WEIGHTS_FOLDER)
    except OSError as error:
        raise CheckpointError(f"{path / WEIGHTS_FOLDER}: cannot be read ({error.strerror})") from error
    if digest != card.weights_sha256:
        raise CheckpointError(
            f"{path / WEIGHTS_FOLDER}: the weights are damaged or incomplete, their digest is not the one"
            f" in {CARD_FILE}; fetch the model again"
        )
    return Checkpoint(path, card)


def _card(file: Path, fields: Any) -> Card:
    if not isinstance(fields, dict) or not isinstance(fields.get("format"), int):
        raise CheckpointError(f"{file}: not a genrestream model, it has no integer 'format'")
    if fields["format"] > FORMAT:
        raise CheckpointError(
            f"{file}: format {fields['format']} is newer than this genrestream reads ({FORMAT});"
            " pip install -U genrestream"
        )
    try:
        fields["frontend"] = frontend_from_json(fields["frontend"])
        fields["labels"] = tuple(str(label) for label in fields["labels"])
        card = Card(**fields)
        _check(card)
        return card
    except (AttributeError, KeyError, TypeError, ValueError, UsageError) as error:
        raise CheckpointError(f"{file}: {error}; fetch the model again") from error


def _check(card: Card) -> None:
    for name, its in TYPES.items():
        if not isinstance(getattr(card, name), its):
            raise UsageError(f"{name} must be a {its.__name__}")
    check_name(card.name)
    if not (math.isfinite(card.temperature) and card.temperature > 0):
        raise UsageError(f"temperature={card.temperature} must be a positive number")
    if not 0 <= card.min_probability <= 1:
        raise UsageError(f"min_probability={card.min_probability} must be from 0 to 1")
    check_labels(card.labels)


def check_name(name: str) -> None:
    """Make sure that a model may be called so.

    Raises:
        UsageError: It is empty, or has a character that may not be in it.
    """
    if not name.isprintable() or not name or set(NOT_IN_NAMES) & set(name):
        raise UsageError(f"name={name!r} must be printable, not empty, and without {' '.join(NOT_IN_NAMES)}")


def check_labels(labels: Sequence[str]) -> None:
    """Make sure that a model may have these labels.

    Raises:
        UsageError: There are fewer than two, two are the same, or one cannot be printed.
    """
    if len(set(labels)) != len(labels) or len(labels) < 2:
        raise UsageError("labels must be two or more, all different")
    if strange := [label for label in labels if not label or not label.isprintable()]:
        raise UsageError(f"labels must be printable and not empty, and {strange[0]!r} is not")


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        digest.update(f"{file.relative_to(folder).as_posix()} {file.stat().st_size}\n".encode())
        with file.open("rb") as content:
            while block := content.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def read_weights(checkpoint: Checkpoint, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Load the weights, after checking that they are those that the network needs.

    Args:
        checkpoint: The model, as ``read`` returned it.
        shapes: The shape of each parameter by its name, as the network has them.

    Raises:
        CheckpointError: The weights are unreadable or belong to another network.
    """
    ocp = _orbax()
    path = (checkpoint.path / WEIGHTS_FOLDER).absolute()  # orbax finds no metadata by a relative path
    if sum(math.prod(shape) for shape in shapes.values()) > MAX_PARAMETERS:
        raise CheckpointError(f"{path}: the network has more than {MAX_PARAMETERS:,} parameters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # orbax warns that no sharding is given: one host, one copy
            stored = {name: tuple(leaf.shape) for name, leaf in ocp.metadata(path).metadata.items()}
            if stored != dict(shapes):
                odd = sorted(name for name in stored.keys() | shapes.keys() if stored.get(name) != shapes.get(name))
                raise CheckpointError(f"{path}: the weights are of another network, {odd[0]} differs")
            return {name: np.asarray(array) for name, array in ocp.load(path).items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ocp.errors.InvalidLayoutError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error}); fetch the model again") from error


def write(path: Path, card: Card, weights: Mapping[str, np.ndarray], licences: Iterable[Path] = ()) -> Checkpoint:
    """Write a model's folder, replacing one that is there only once the new one is whole.

    Raises:
        CheckpointError: The folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as scratch:
            folder = Path(scratch) / path.name
            folder.mkdir()
            _orbax().save((folder / WEIGHTS_FOLDER).absolute(), dict(weights))
            card = dataclasses.replace(card, weights_sha256=_digest(folder / WEIGHTS_FOLDER))
            fields = dataclasses.asdict(card) | {"frontend": frontend_to_json(card.frontend)}
            text = json.dumps(fields, indent=2, ensure_ascii=False)
            (folder / CARD_FILE).write_text(text + "\n", encoding="utf-8")
            for licence in licences:
                shutil.copy(licence, folder)
            if path.exists():
                path.rename(Path(scratch) / "previous")
            try:
                folder.rename(path)
            except OSError:
                if (Path(scratch) / "previous").exists():
                    (Path(scratch) / "previous").rename(path)
                raise
    except (OSError, ValueError, RuntimeError) as error:  # tensorstore has its own for a full disk
        raise CheckpointError(f"{path}: cannot be written ({str(error).splitlines()[0]})") from error
    return Checkpoint(path, card)


def _orbax() -> Any:
    """Import orbax only where weights are read or written: it takes half a second that a warm start saves."""
    logging.getLogger("absl").setLevel(logging.ERROR)
    from orbax.checkpoint import v1 as ocp

    return ocp
