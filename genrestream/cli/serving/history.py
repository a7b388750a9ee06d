"""``genrestream history``: a day of the server's history as a table, CSV or a picture."""

import csv
import itertools
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TextIO

from genrestream.cli.serving.options import HistoryOptions
from genrestream.errors import OptionError, OutputError, UsageError
from genrestream.files import open_text, writing
from genrestream.output.open_sinks import STDOUT, STDOUT_REMEDY
from genrestream.output.plot.sink import SUFFIXES, check_plot
from genrestream.output.text import cell, clock, printable
from genrestream.serve import history
from genrestream.serve.config import default_history
from genrestream.serve.stretches import Stretch

Rows = list[tuple[str, Stretch]]


def run(options: HistoryOptions) -> int:
    """Print a day.

    Raises:
        UsageError: An option has a value that it cannot have.
        OutputError: There is no history, or the result cannot be written.
    """
    since, until = _day(options.day)
    suffix = Path(options.output or "").suffix.lower()
    if suffix in SUFFIXES:
        check_plot(options.output)
    elif options.output and suffix != ".csv":
        raise UsageError(f"--output {options.output}: must end in .csv, .png, .svg or .pdf")
    path = Path(options.history) if options.history else default_history()
    rows = history.read(path, since.timestamp(), until.timestamp(), options.input)
    if not rows:
        of = f" of input {options.input}" if options.input else ""
        raise OutputError(f"{path}: nothing{of} on {since:%Y-%m-%d}; choose another day with --day")
    if suffix in SUFFIXES:
        _draw(options, rows, since)
    elif options.output:
        with writing(f"--output {options.output}"), open_text(options.output) as file:
            _csv(rows, file)
    else:
        with writing(STDOUT, STDOUT_REMEDY):
            if options.format == "csv":
                _csv(rows, sys.stdout)
            else:
                _table(rows, history.shares(path, since.timestamp(), until.timestamp(), options.input), since)
    return 0


def _day(text: str) -> tuple[datetime, datetime]:
    """Return the first moment of a day and of the next one, in the local zone."""
    today = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)
    named = {"today": today, "yesterday": today - timedelta(days=1)}
    try:
        day = named[text] if text in named else datetime.strptime(text, "%Y-%m-%d")
        return day.astimezone(), (day + timedelta(days=1)).astimezone()
    except (ValueError, OverflowError, OSError) as error:
        raise OptionError("day", text, "must be a day such as 2026-11-28, today or yesterday") from error


def _csv(rows: Rows, file: TextIO) -> None:
    table = csv.writer(file)
    table.writerow(["input", "start", "end", "genre", "confidence"])
    for name, one in rows:
        times = (_local(one.start).isoformat(timespec="seconds"), _local(one.end).isoformat(timespec="seconds"))
        table.writerow([cell(name), *times, cell(one.genre), round(one.confidence, 4)])


def _table(rows: Rows, shares: list[tuple[str, int, str, float]], since: datetime) -> None:
    for name, own in itertools.groupby(sorted(rows, key=lambda row: row[0]), key=lambda row: row[0]):
        print(f"{printable(name)}, {since:%A %Y-%m-%d}\n")
        hours = itertools.groupby((share for share in shares if share[0] == name), key=lambda share: share[1])
        for hour, parts in hours:
            words = (f"{printable(genre)} {clock(seconds, tenths=False)}" for _, _, genre, seconds in parts)
            print(f"{_local(hour):%H:%M}  {', '.join(words)}")
        print("\nfrom      to          length  genre")
        for _, one in own:
            length = clock(one.end - one.start, tenths=False)
            print(f"{_local(one.start):%H:%M:%S}  {_local(one.end):%H:%M:%S}  {length:>8}  {printable(one.genre)}")
        print()


def _draw(options: HistoryOptions, rows: Rows, since: datetime) -> None:
    names = sorted({name for name, _ in rows})
    if len(names) > 1:
        raise UsageError(f"--output {options.output}: draws one input; choose one of {', '.join(names)} with --input")
    from genrestream.output.plot.day import draw_day  # matplotlib

    stretches = [(_local(one.start), _local(one.end), one.genre) for _, one in rows]
    with writing(f"--output {options.output}"):
        draw_day(stretches, f"{names[0]}, {since:%A %Y-%m-%d}", str(options.output))


def _local(unix: float) -> datetime:
    return datetime.fromtimestamp(unix).astimezone()
