"""Opening tables of tracks."""

import contextlib
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from genrestream.errors import UsageError


@contextlib.contextmanager
def table(file: Path) -> Iterator[TextIO]:
    """Open a CSV file to be read.

    Raises:
        UsageError: It cannot be read, or is no table.
    """
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            yield lines
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        cause = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{file}: cannot be read ({cause}); a table of tracks is UTF-8 text with commas") from error


def rows(file: Path, columns: tuple[str, ...] = ()) -> list[dict[str, str]]:
    """Read a table with a header.

    Raises:
        UsageError: It cannot be read, or a column is missing.
    """
    with table(file) as lines:
        reader = csv.DictReader(lines)
        found = list(reader)
    missing = set(columns) - set(reader.fieldnames or ())
    if missing:
        raise UsageError(f"{file}: has no column {', '.join(sorted(missing))}; must have {', '.join(columns)}")
    return found
