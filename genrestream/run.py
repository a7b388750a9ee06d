"""One run of ``genrestream file``: every source through one model, into the view and the records."""

import contextlib
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from genrestream.audio import expand
from genrestream.classifier import Classifier, load
from genrestream.commands import FileCommand
from genrestream.errors import AudioError, OutputError, UsageError
from genrestream.plot import Plot, check_plot
from genrestream.program import use_compile_cache
from genrestream.records import FORMATS, open_output
from genrestream.text import Lines, printable


def classify_all(command: FileCommand) -> int:
    """Classify every source and return the exit code: 0 if all went well, 1 if one failed or was damaged.

    Raises:
        UsageError: No source is given, or an option has a value that it cannot have.
        CheckpointError: The model cannot be loaded.
        OutputError: A result cannot be written.
        KeyboardInterrupt: After what is known so far was printed.
    """
    if not command.sources:
        raise UsageError("no input; name a file, a folder, an http(s):// address, or - for standard input")
    sources, n_failed = _expand(command.sources)
    if command.plot:
        check_plot(command.plot, len(sources))
    use_compile_cache()
    model = load(command.model)
    try:
        with _sinks(command, len(sources), model.card.labels) as sinks:
            for source in sources:
                n_failed += not _classify(command, model, source, sinks)
    except BrokenPipeError:
        raise
    except OSError as error:  # sources' own are AudioErrors
        raise OutputError(f"{command.output or 'standard output'}: cannot be written ({error.strerror})") from error
    return 1 if n_failed else 0


def _expand(given: tuple[str, ...]) -> tuple[list[str], int]:
    sources, n_failed = [], 0
    for path in given:
        try:
            sources += expand(path)
        except AudioError as error:
            _report(error)
            n_failed += 1
    return sources, n_failed


@contextlib.contextmanager
def _sinks(command: FileCommand, n_sources: int, labels: tuple[str, ...]) -> Iterator[list[Any]]:
    with contextlib.ExitStack() as stack:
        sinks: list[Any] = []
        file: TextIO = sys.stdout
        if command.output:
            file = stack.enter_context(open_output(command.output))
        if command.chosen_format != "text":
            sinks.append(FORMATS[command.chosen_format](file, labels))
        elif command.output:
            sinks.append(Lines(file, n_sources))
        if command.output or command.chosen_format == "text":
            sinks.append(_view(n_sources))
        if command.plot:
            sinks.append(Plot(command.plot))
        for sink in sinks:
            stack.callback(sink.close)
        yield sinks


def _view(n_sources: int) -> Any:
    if not sys.stdout.isatty():
        return Lines(sys.stdout, n_sources)
    from genrestream.screen import Screen  # rich: a pipe does not need it

    return Screen(n_sources)


def _classify(command: FileCommand, model: Classifier, source: str, sinks: list[Any]) -> bool:
    """Classify one source into the sinks; return whether all went well."""
    try:
        with model.stream(source, command.raw, **vars(command.stream)) as stream:
            for sink in sinks:
                sink.begin(source, stream.source.duration_s)
            try:
                for prediction in stream:
                    for sink in sinks:
                        sink.chunk(source, prediction)
            except KeyboardInterrupt:
                _conclude(stream.verdict(), sinks)
                raise
        return _conclude(stream.verdict(), sinks)
    except AudioError as error:
        for sink in sinks:
            sink.error(source, str(error))
        _report(error)
        return False


def _conclude(verdict: Any, sinks: list[Any]) -> bool:
    for sink in sinks:
        sink.verdict(verdict)
    for problem in verdict.problems:
        _report(f"{verdict.source}: {problem}")
    return not verdict.problems


def _report(problem: object) -> None:
    print(f"genrestream: {printable(str(problem))}", file=sys.stderr, flush=True)
