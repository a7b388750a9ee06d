"""The models that come with the package, found by name."""

import os
from pathlib import Path

from genrestream.errors import CheckpointError, OptionError
from genrestream.files import PACKAGE

CARD_FILE = "checkpoint.json"
DEFAULT_MODEL = "musicnn-yamnet"


def folders() -> list[Path]:
    """Return the folders of the shipped models: in the installed package, then in a checkout."""
    places = (PACKAGE / "checkpoints", PACKAGE.parent / "checkpoints")
    return [place for place in places if place.is_dir()]


def names() -> list[str]:
    """Return the names of the shipped models, sorted."""
    return sorted({card.parent.name for place in folders() for card in place.glob(f"*/{CARD_FILE}")})


def find(name: str | Path) -> Path:
    """Return the folder of a shipped model by its name, or of any model by its path.

    Raises:
        UsageError: There is no such model.
        CheckpointError: There is no such folder.
    """
    if str(name) in names():
        return next(place / name for place in folders() if (place / name / CARD_FILE).is_file())
    if os.path.isdir(name):
        return Path(name)
    if isinstance(name, Path) or any(separator in name for separator in "/\\"):
        raise CheckpointError(f"{name}: no such model folder; give the folder that holds {CARD_FILE}")
    raise OptionError("model", name, f"no such model; choose one of {', '.join(names())}, or give a folder's path")
