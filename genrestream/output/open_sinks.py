"""Where results go: the view on the terminal, records in a file or on standard output."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TextIO

from genrestream.errors import UsageError
from genrestream.files import STDOUT, STDOUT_REMEDY, open_text, writing
from genrestream.output.config import Format, OutputConfig, ViewConfig
from genrestream.output.records.csv_files import Csv, beside
from genrestream.output.records.json_files import Json, JsonLines
from genrestream.output.records.selection import OnChange, VerdictsOnly
from genrestream.output.sink import Sink
from genrestream.output.terminal.changes import Changes
from genrestream.output.text import Lines, printable

DUMB = ("dumb", "unknown")  # kinds of terminal that have no cursor to move


def check_outputs(config: OutputConfig, more: dict[str, str | None], sources: Sequence[str]) -> None:
    """Check before anything is written that results have a format and a place, and that no output is another file.

    Args:
        config: What is written of the results.
        more: Paths of further outputs by option, None where an option was not given.
        sources: What is read.

    Raises:
        UsageError: The results have no format or place, or two of the files are one.
    """
    if config.quiet and not any((config.file, *more.values())):
        raise UsageError("--quiet: the results would be nowhere; give --output FILE")
    outputs = [("--output", config.file), *more.items()]
    if config.chosen_format == "csv" and not config.verdicts_only:
        outputs += [("--output", str(path)) for path in beside(config.file).values()]
    used = {os.path.realpath(source): source for source in sources if os.path.isfile(source)}
    for option, path in outputs:
        if not path or path == "-":
            continue
        if (real := os.path.realpath(path)) in used:
            raise UsageError(f"{option} {path}: would overwrite {used[real]}; name another file")
        used[real] = f"{option} {path}"


@contextlib.contextmanager
def opened(
    config: OutputConfig,
    labels: tuple[str, ...],
    n_sources: int,
    screen: Callable[[bool], Sink],
    view: ViewConfig,
    more: Sequence[Sink] = (),
    is_interleaved: bool = False,
) -> Iterator[list[Sink]]:
    """Open what a run writes to, and close it after.

    Args:
        config: What is written of the results.
        labels: The model's labels.
        n_sources: How many sources there will be.
        screen: Makes the view for a terminal, in ASCII where asked.
        view: How results are shown.
        more: Further sinks.
        is_interleaved: Whether the sources run at the same time, not one after the other.

    Raises:
        OutputError: The file cannot be opened, or later not be written.
    """
    path, form = config.file, config.chosen_format
    with writing(f"--output {path}") if path else writing(STDOUT, STDOUT_REMEDY), contextlib.ExitStack() as stack:
        file: TextIO = stack.enter_context(open_text(path)) if path else sys.stdout
        sinks: list[Sink] = []
        if path or (form != "text" and not config.quiet):
            sinks.append(_selected(config, _records(form, file, labels, n_sources, is_interleaved, config)))
        if not config.quiet and _has_view(path, form):
            sinks.append(_view(config, view, n_sources, is_interleaved, screen))
        sinks += more
        for sink in sinks:
            stack.callback(sink.close)
        yield sinks


def _records(
    form: Format, file: TextIO, labels: tuple[str, ...], n_sources: int, is_interleaved: bool, config: OutputConfig
) -> Sink:
    if form == "csv":
        return Csv(file, labels, config.file, config.verdicts_only)
    if form == "text":
        return Lines(file, n_sources, is_interleaved)
    return JsonLines(file) if form == "jsonl" else Json(file)


def _selected(config: OutputConfig, sink: Sink) -> Sink:
    if config.on_change:
        return OnChange(sink)
    return VerdictsOnly(sink) if config.verdicts_only else sink


def _view(
    config: OutputConfig, view: ViewConfig, n_sources: int, is_interleaved: bool, screen: Callable[[bool], Sink]
) -> Sink:
    """Return what standard output shows: a screen only on a terminal that can move its cursor."""
    if view.plain or (sys.stdout.isatty() and os.environ.get("TERM", "").lower() in DUMB):
        return _selected(config, Changes(sys.stdout, n_sources, is_interleaved))
    if sys.stdout.isatty():
        return screen(view.ascii)
    return _selected(config, Lines(sys.stdout, n_sources, is_interleaved))


def _has_view(output: str | None, form: str) -> bool:
    """Whether standard output shows the run: beside an output file, unless the shell closed it, or as the output."""
    return sys.__stdout__ is not None if output else form == "text"


def report(problem: object) -> None:
    """Print a problem on standard error, in one line."""
    with contextlib.suppress(OSError):  # a terminal that was closed: nobody reads it
        print(f"genrestream: {printable(str(problem))}", file=sys.stderr, flush=True)
