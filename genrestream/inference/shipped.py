"""Models found by name: those that come with the package, and the user's own."""

import os
import sys
from pathlib import Path

from genrestream.errors import CheckpointError, OptionError
from genrestream.files import PACKAGE

CARD_FILE = "checkpoint.json"
DEFAULT_MODEL = "musicnn-yamnet"
OF_A_RUN = ("model", "all/model")  # where a training run's folder holds its model


def folders() -> list[Path]:
    """Return the folders of the shipped models: in the installed package, then in a checkout."""
    places = (PACKAGE / "checkpoints", PACKAGE.parent / "checkpoints")
    return [place for place in places if place.is_dir()]


def own_folder() -> Path:
    """Return the folder of the models that the user taught; it may not be there yet.

    ``GENRESTREAM_MODELS`` names another one.
    """
    if named := os.environ.get("GENRESTREAM_MODELS"):
        return Path(named)
    home = Path(os.path.expanduser("~"))
    if sys.platform == "win32":
        data = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        data = home / "Library" / "Application Support"
    else:
        data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return data / "genrestream" / "models"


def names() -> list[str]:
    """Return the names of the shipped models, sorted."""
    return sorted({card.parent.name for place in folders() for card in place.glob(f"*/{CARD_FILE}")})


def own_names() -> list[str]:
    """Return the names of the user's own models, sorted; one that is named like a shipped model is not found."""
    return sorted({card.parent.name for card in own_folder().glob(f"[!.]*/{CARD_FILE}")} - {*names()})


def find(name: str | Path) -> Path:
    """Return the folder of a model by its name, shipped or the user's own, or of any model by its path.

    The path may also be that of a training run, which holds its model.

    Raises:
        UsageError: There is no such model.
        CheckpointError: There is no such folder.
    """
    if str(name) in names():
        return next(place / name for place in folders() if (place / name / CARD_FILE).is_file())
    if str(name) in own_names():
        return own_folder() / name
    if os.path.isdir(name):
        path = Path(name)
        inside = (path / place for place in OF_A_RUN if (path / place / CARD_FILE).is_file())
        return path if (path / CARD_FILE).is_file() else next(inside, path)
    if isinstance(name, Path) or any(separator in name for separator in "/\\"):
        raise CheckpointError(f"{name}: no such model folder; give the folder that holds {CARD_FILE}")
    known = ", ".join([*names(), *own_names()])
    raise OptionError("model", name, f"no such model; choose one of {known}, or give a folder's path")
