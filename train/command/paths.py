"""Paths of the command line: of this machine, or addresses of folders on object stores."""

import re
from pathlib import Path

from genrestream.errors import UsageError

ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")  # a Path keeps one of the two slashes
WEB = ("http", "https", "ftp")


def address_of(path: Path) -> str:
    """Return the address of a folder on a store, such as ``s3://bucket/music``; empty for a path of this machine."""
    found = ADDRESS.match(path.as_posix())
    return f"{found[1]}://{path.as_posix()[found.end() :].lstrip('/')}" if found else ""


def check_local(option: str, path: Path | None) -> None:
    """Make sure that a path is on this machine's file systems, before a folder named ``gs:`` is made.

    Raises:
        UsageError: It is the address of a store or server.
    """
    if path and (address := address_of(path)):
        raise UsageError(f"{option} {address}: must be a folder of this machine")


def check_folder(option: str, *paths: Path) -> None:
    """Make sure that paths are folders: of this machine, or of a store.

    Raises:
        UsageError: One is the address of a web page.
    """
    for address in map(address_of, paths):
        if address.partition(":")[0].lower() in WEB:
            raise UsageError(f"{option} {address}: is not a folder; copy its files to one of this machine")
