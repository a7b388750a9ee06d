"""Reading CSV tables of tracks, which may come from anyone: bounded in size, and each cell is plain text."""

import contextlib
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from genrestream.errors import UsageError
from genrestream.output.text import FORMULA

MAX_MB = 64  # of a table that is held in memory
LONGEST_LINE = 1 << 20  # characters; longer ones are no table's
FORM = "a table of tracks is UTF-8 text with commas"


@contextlib.contextmanager
def table(file: Path, max_mb: float = MAX_MB, form: str = FORM) -> Iterator[Iterator[str]]:
    """Open a CSV file, in UTF-8 with or without a byte order mark, as lines for ``csv.reader``.

    Args:
        file: The file.
        max_mb: The largest size that is read, in MB.
        form: What it must be, for the error.

    Raises:
        UsageError: It cannot be read, is too large, or is not text with commas.
    """
    try:
        if (mb := file.stat().st_size / 1e6) > max_mb:
            raise UsageError(f"{file}: a table of {mb:.0f} MB must have at most {max_mb:g} MB; {form}")
        with file.open(newline="", encoding="utf-8-sig") as text:
            yield _lines(file, text, form)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        cause = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{file}: cannot be read ({cause}); {form}") from error


def rows(
    file: Path, columns: tuple[str, ...] = (), max_mb: float = MAX_MB, form: str = FORM
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row of a table with a header, after the number of its last line; missing cells are empty.

    Args:
        file: The table.
        columns: Columns that it must have.
        max_mb: The largest size that is read, in MB.
        form: What it must be, for the error.

    Raises:
        UsageError: It cannot be read, a column is missing, or a row has more cells than the header.
    """
    with table(file, max_mb, form) as lines:
        reader = csv.reader(lines)
        header = next(reader, [])
        if missing := set(columns) - set(header):
            raise UsageError(f"{file}: has no column {', '.join(sorted(missing))}; must have {', '.join(columns)}")
        for row in filter(None, reader):
            if any(row[len(header) :]):
                raise UsageError(
                    f"{file}: line {reader.line_num} has {len(row)} cells, must have {len(header)};"
                    " put quotes around a cell that holds a comma"
                )
            yield reader.line_num, dict.fromkeys(header, "") | dict(zip(header, row, strict=False))


def guarded(cell: str) -> str:
    """Return a cell with a ``'`` before it where a spreadsheet would take it for a formula."""
    return f"'{cell}" if cell.lstrip("'").startswith(FORMULA) else cell


def unguarded(cell: str) -> str:
    """Undo ``guarded``."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(FORMULA) else cell


def _lines(file: Path, text: TextIO, form: str) -> Iterator[str]:
    number = 0
    while line := text.readline(LONGEST_LINE):
        number += 1
        if "\0" in line:
            raise UsageError(f"{file}: line {number} holds a NUL byte; {form}")
        if len(line) == LONGEST_LINE:
            raise UsageError(f"{file}: line {number} is longer than {LONGEST_LINE} characters; {form}")
        yield line
