"""The table of a scan on a cluster: a folder of Parquet files, and what they were made with, on any filesystem."""

import json
import posixpath
from collections.abc import Mapping
from typing import Any

from genrestream.errors import OutputError, UsageError, first_line
from genrestream.library.cluster.places import opened
from genrestream.library.table.parquet import KEYS, read_keys

SETTINGS = "_settings.json"  # programs that read the folder as one table skip names with an underscore


def known_files(table: str, settings: Mapping[str, str], retry: bool) -> dict[str, tuple[int, int]]:
    """Return size and time of each file that has a row; a new table is made, and takes the settings.

    Args:
        table: A folder, or an address that fsspec reads.
        settings: What all rows have in common: ``model``, ``weights``, ``--per-track``.
        retry: Whether files that failed count as changed.

    Raises:
        UsageError: The table was made with other settings, or something else is in the folder.
        OutputError: It cannot be read or written.
    """
    filesystem, folder = opened(table)
    try:
        filesystem.makedirs(folder, exist_ok=True)
        known: dict[str, tuple[int, int]] = {}
        for name in sorted(name for name in filesystem.ls(folder, detail=False) if name.endswith(".parquet")):
            for path, size, mtime_ns, weights, error in _keys(filesystem, name, table):
                if weights != settings["weights"]:
                    raise UsageError(f"{table}: was made with another model; name another table")
                known[path] = (-1, -1) if retry and error else (size, mtime_ns)
        _check_settings(filesystem, folder, table, settings)
        return known
    except OSError as error:
        raise OutputError(f"{table}: cannot be read or written ({first_line(error)})") from error


def _keys(filesystem: Any, name: str, table: str) -> list[tuple[Any, ...]]:
    with filesystem.open(name, "rb") as file:
        try:
            return list(read_keys(file, KEYS))
        except (KeyError, ValueError, TypeError, NotImplementedError) as error:  # Arrow's errors are of these types
            line = f"is not a genrestream table ({first_line(error)}); move it away, or name another table"
            raise UsageError(f"{table}/{posixpath.basename(name)}: {line}") from error


def _check_settings(filesystem: Any, folder: str, table: str, wanted: Mapping[str, str]) -> None:
    name = f"{folder}/{SETTINGS}"
    if not filesystem.exists(name):
        filesystem.pipe_file(name, json.dumps(dict(wanted)).encode())
        return
    try:
        made_with = dict(json.loads(filesystem.cat_file(name)))
    except (ValueError, TypeError) as error:
        line = f"is not the settings of a table ({first_line(error)}); delete it, or name another table"
        raise UsageError(f"{table}/{SETTINGS}: {line}") from error
    for key, value in made_with.items():
        if key in wanted and value != wanted[key]:
            raise UsageError(
                f"{table}: was made with {key} {value}, not {wanted[key]}; give the same, or another table"
            )
