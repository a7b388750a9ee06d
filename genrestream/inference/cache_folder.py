"""The user's own cache folder, for what can be made again: compiled programs."""

import os
import stat
import sys
from pathlib import Path


def cache_folder() -> Path | None:
    """Return genrestream's cache folder, made if needed; None where there is none that only this user can write.

    ``GENRESTREAM_CACHE`` names another one; set to nothing it switches caching off.
    """
    override = os.environ.get("GENRESTREAM_CACHE")
    if override == "":
        return None
    if override:
        folder = Path(override)
    elif sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA", "~/AppData/Local")).expanduser() / "genrestream"
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "genrestream"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder if _is_private(folder) and os.access(folder, os.W_OK) else None
    except (OSError, RuntimeError):  # RuntimeError: no home folder to expand
        return None


def _is_private(folder: Path) -> bool:
    """Whether nobody else could have planted a program in the folder."""
    if sys.platform == "win32":
        return True
    status = folder.stat()
    return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
