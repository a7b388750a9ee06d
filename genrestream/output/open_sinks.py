"""Where results go: the view on the terminal, records in a file or on standard output."""

import contextlib
import dataclasses
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from genrestream.errors import UsageError
from genrestream.files import writing
from genrestream.output.records import FORMATS, open_output
from genrestream.output.sink import Sink
from genrestream.output.terminal.changes import Changes
from genrestream.output.text import Lines, printable

DUMB = ("dumb", "unknown")  # kinds of terminal that have no cursor to move
STDOUT, STDOUT_REMEDY = "standard output", "write into a file, or open it"


@dataclasses.dataclass(frozen=True)
class ViewOptions:
    """How results are shown on the terminal.

    Attributes:
        ascii: Draw the screen with ASCII characters only.
        plain: No screen, but a line of text for each change of the answer, for screen readers. A terminal that cannot
            move its cursor (TERM=dumb) gets the same.
    """

    ascii: bool = False
    plain: bool = False


def chosen_format(given: str | None, output: str | None) -> str:
    """Return the format given, or the one that the output's suffix names, or text."""
    suffix = Path(output or "").suffix.removeprefix(".").lower()
    return given or (suffix if suffix in FORMATS else "text")


def check_outputs(outputs: dict[str, str | None], sources: Sequence[str]) -> None:
    """Check before anything is written that no output is a source or another output.

    Args:
        outputs: Paths by option, None where an option was not given.
        sources: What is read.

    Raises:
        UsageError: Two of them are one file.
    """
    used = {os.path.realpath(source): source for source in sources if os.path.isfile(source)}
    for option, path in outputs.items():
        if not path or path == "-":
            continue
        if (real := os.path.realpath(path)) in used:
            raise UsageError(f"{option} {path}: would overwrite {used[real]}; name another file")
        used[real] = f"{option} {path}"


@contextlib.contextmanager
def opened(
    output: str | None,
    given_format: str | None,
    labels: tuple[str, ...],
    n_sources: int,
    screen: Callable[[bool], Sink],
    view: ViewOptions,
    more: Sequence[Sink] = (),
) -> Iterator[list[Sink]]:
    """Open what a run writes to, and close it after.

    Args:
        output: The file for the results; standard output where None or ``-``.
        given_format: Their format, where it was given.
        labels: The model's labels.
        n_sources: How many sources there will be.
        screen: Makes the view for a terminal, in ASCII where asked.
        view: How results are shown.
        more: Further sinks.

    Raises:
        OutputError: The file cannot be opened, or later not be written.
    """
    output = None if output == "-" else output
    with writing(output) if output else writing(STDOUT, STDOUT_REMEDY), contextlib.ExitStack() as stack:
        file: TextIO = stack.enter_context(open_output(output)) if output else sys.stdout
        form = chosen_format(given_format, output)
        sinks: list[Sink] = []
        if form != "text":
            sinks.append(FORMATS[form](file, labels))
        elif output:
            sinks.append(Lines(file, n_sources))
        if _has_view(output, form):
            sinks.append(_view(view, n_sources, screen))
        sinks += more
        for sink in sinks:
            stack.callback(sink.close)
        yield sinks


def _view(view: ViewOptions, n_sources: int, screen: Callable[[bool], Sink]) -> Sink:
    """Return what standard output shows: a screen only on a terminal that can move its cursor."""
    if view.plain or (sys.stdout.isatty() and os.environ.get("TERM", "").lower() in DUMB):
        return Changes(sys.stdout, n_sources)
    return screen(view.ascii) if sys.stdout.isatty() else Lines(sys.stdout, n_sources)


def _has_view(output: str | None, form: str) -> bool:
    """Whether standard output shows the run: beside an output file, unless the shell closed it, or as the output."""
    return sys.__stdout__ is not None if output else form == "text"


def report(problem: object) -> None:
    """Print a problem on standard error, in one line."""
    with contextlib.suppress(OSError):  # a terminal that was closed: nobody reads it
        print(f"genrestream: {printable(str(problem))}", file=sys.stderr, flush=True)
