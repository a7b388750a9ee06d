"""One run of ``genrestream file``: every source through one model, into the view and the records."""

from typing import Any

from genrestream.audio import expand
from genrestream.classifier import Classifier, load
from genrestream.commands import FileCommand
from genrestream.errors import AudioError, UsageError
from genrestream.plot import Plot, check_plot
from genrestream.program import use_compile_cache
from genrestream.segment_files import SegmentFile, check_segments
from genrestream.sinks import check_outputs, opened, report


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
    if command.segments:
        check_segments(command.segments, len(sources))
    check_outputs({"--output": command.output, "--plot": command.plot, "--segments": command.segments}, sources)
    use_compile_cache()
    model = load(command.model)
    more: list[Any] = [Plot(command.plot)] if command.plot else []
    if command.segments:
        more.append(SegmentFile(command.segments, model.card.labels, is_live=False))
    with opened(
        command.output, command.format, model.card.labels, len(sources), lambda: _screen(len(sources)), more
    ) as sinks:
        for source in sources:
            n_failed += not _classify(command, model, source, sinks)
    return 1 if n_failed else 0


def _expand(given: tuple[str, ...]) -> tuple[list[str], int]:
    sources, n_failed = [], 0
    for path in given:
        try:
            sources += expand(path)
        except AudioError as error:
            report(error)
            n_failed += 1
    return sources, n_failed


def _screen(n_sources: int) -> Any:
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
        report(error)
        return False


def _conclude(verdict: Any, sinks: list[Any]) -> bool:
    for sink in sinks:
        sink.verdict(verdict)
    for problem in verdict.problems:
        report(f"{verdict.source}: {problem}")
    return not verdict.problems
