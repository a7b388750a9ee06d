"""Paths of the command line: local ones only, and others are refused in one line."""

import re
from pathlib import Path

from genrestream.errors import UsageError

ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")  # a Path keeps one of the two slashes


def check_local(option: str, *paths: Path | None) -> None:
    """Make sure that paths are on this machine's file systems, before a folder named ``gs:`` is made.

    Raises:
        UsageError: One is the address of a bucket or server.
    """
    for path in paths:
        if isinstance(path, Path) and (found := ADDRESS.match(path.as_posix())):
            scheme, rest = found[1], path.as_posix()[found.end() :]
            mount = {"gs": "gcsfuse", "s3": "mount-s3"}.get(scheme, "its own tool")
            raise UsageError(
                f"{option} {scheme}://{rest}: is no path of this machine; mount it (with {mount}), or copy it to a"
                " local folder first"
            )
