"""A model on disk: a folder with ``checkpoint.json``, the weights in orbax's v1 format, and licence texts.

::

    checkpoints/musicnn/
    ├── checkpoint.json   everything but the weights: a Card as JSON
    ├── weights/          orbax v1, one array a parameter; none where the card names a shipped model that has them
    └── LICENSE-*.txt     licences of the weights

The folder has no code, so reading a stranger's model runs none.
"""

import dataclasses
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from genrestream.errors import CheckpointError, first_line
from genrestream.inference import shipped
from genrestream.inference.card import FORMAT, Card, card_to_json, check_labels, check_name, read_card
from genrestream.inference.shipped import CARD_FILE
from genrestream.inference.weights import Like, digest_of, files_of, orbax, read_arrays

WEIGHTS_FOLDER = "weights"

__all__ = [
    "CARD_FILE",
    "FORMAT",
    "Card",
    "Checkpoint",
    "Like",
    "check_labels",
    "check_name",
    "read",
    "read_weights",
    "write",
]


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A model's folder; its card is read, its weights are checked but not loaded."""

    path: Path
    card: Card

    @property
    def weights(self) -> Path:
        """The folder of the weights: in the model's own folder, or in that of the shipped model that the card names."""
        return _weights_folder(self.path, self.card)


def read(path: Path) -> Checkpoint:
    """Read a model's card and check its weights' digest.

    Raises:
        CheckpointError: The folder is missing, is not a model, is truncated or damaged, or is from a newer version.
    """
    try:
        list(files_of(path))
        card = read_card(path / CARD_FILE)
        weights = _weights_folder(path, card)
        digest = digest_of(weights)
    except OSError as error:
        raise CheckpointError(f"{error.filename or path}: cannot be read ({error.strerror})") from error
    if digest != card.weights_sha256:
        raise CheckpointError(
            f"{weights}: the weights are damaged or incomplete, their digest is not the one"
            f" in {path / CARD_FILE}; fetch the model again"
        )
    return Checkpoint(path, card)


def read_weights(checkpoint: Checkpoint, like: Mapping[str, Like]) -> dict[str, np.ndarray]:
    """Load the weights, after checking that they fit the network.

    Args:
        checkpoint: The model, as ``read`` returned it.
        like: The network's parameters by name.

    Raises:
        CheckpointError: The weights are unreadable, not finite, or belong to another network.
    """
    return read_arrays(checkpoint.weights, like)


def _weights_folder(path: Path, card: Card) -> Path:
    if not card.weights_of:
        return path / WEIGHTS_FOLDER
    if card.weights_of not in shipped.names():  # a name, so that no card leads to another place
        raise CheckpointError(
            f"{path / CARD_FILE}: weights_of={card.weights_of!r:.60} must be one of the shipped models,"
            f" {', '.join(shipped.names())}"
        )
    return shipped.find(card.weights_of) / WEIGHTS_FOLDER


def write(path: Path, card: Card, weights: Mapping[str, np.ndarray], licences: Iterable[Path] = ()) -> Checkpoint:
    """Write a model's folder; an existing one is replaced only after the new one is complete.

    Args:
        path: The folder.
        card: The model's card; its digest is set here.
        weights: Each parameter by its name; not used where the card names a shipped model that has them.
        licences: Files to copy into the folder.

    Raises:
        CheckpointError: The folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as scratch:
            folder = Path(scratch) / path.name
            folder.mkdir()
            if not card.weights_of:
                orbax().save((folder / WEIGHTS_FOLDER).absolute(), dict(weights))
            card = dataclasses.replace(card, weights_sha256=digest_of(_weights_folder(folder, card)))
            (folder / CARD_FILE).write_text(card_to_json(card), encoding="utf-8")
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
    except (OSError, ValueError, RuntimeError) as error:  # tensorstore raises other types on a full disk
        raise CheckpointError(f"{path}: cannot be written ({first_line(error)})") from error
    return Checkpoint(path, card)
