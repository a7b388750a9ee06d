"""``genrestream file``: every source through one model, into the view and the records."""

from typing import Any

from genrestream.api import Classifier, load
from genrestream.audio.folders import search
from genrestream.cli.options import FileOptions
from genrestream.errors import AudioError, UsageError
from genrestream.inference.program import use_compile_cache
from genrestream.output.open_sinks import check_outputs, opened, report
from genrestream.output.plot import Plot, check_plot
from genrestream.output.segment_files import SegmentFile, check_segments
from genrestream.output.sink import Sink
from genrestream.streaming.predictions import Verdict


def run(options: FileOptions) -> int:
    """Classify every source and return the exit code: 0 if all went well, 1 if one failed or was damaged.

    Raises:
        UsageError: No source is given, or an option has a value that it cannot have.
        CheckpointError: The model cannot be loaded.
        OutputError: A result cannot be written.
        KeyboardInterrupt: After what is known so far was printed.
    """
    if not options.sources:
        raise UsageError("no input; name a file, a folder, an http(s):// address, or - for standard input")
    sources, n_failed = _expand(options.sources, options.playlist)
    if options.plot:
        check_plot(options.plot, len(sources))
    if options.segments:
        check_segments(options.segments, len(sources))
    check_outputs({"--output": options.output, "--plot": options.plot, "--segments": options.segments}, sources)
    use_compile_cache()
    model = load(options.model)
    more: list[Sink] = [Plot(options.plot)] if options.plot else []
    if options.segments:
        more.append(SegmentFile(options.segments, model.card.labels, is_live=False))
    with opened(
        options.output, options.format, model.card.labels, len(sources), lambda: _screen(len(sources)), more
    ) as sinks:
        for source in sources:
            n_failed += not _classify(options, model, source, sinks)
    return 1 if n_failed else 0


def _expand(given: tuple[str, ...], is_playlist: bool) -> tuple[list[str], int]:
    sources, n_failed = [], 0
    for path in given:
        try:
            found = search(path, is_playlist)
        except AudioError as error:
            report(error)
            n_failed += 1
            continue
        sources += found.files
        n_failed += len(found.problems)
        for line in [*found.problems, *([f"{path}: {found.summary}"] if found.summary else [])]:
            report(line)
    return sources, n_failed


def _screen(n_sources: int) -> Any:
    from genrestream.output.file_screen import FileScreen  # rich: a pipe does not need it

    return FileScreen(n_sources)


def _classify(options: FileOptions, model: Classifier, source: str, sinks: list[Sink]) -> bool:
    """Classify one source into the sinks; return whether all went well."""
    try:
        with model.stream(source, options.raw, options.track, **vars(options.stream)) as stream:
            for sink in sinks:
                sink.begin(source, stream.source.duration_s)
            for note in stream.source.notes:
                report(f"{source}: {note}")
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


def _conclude(verdict: Verdict, sinks: list[Sink]) -> bool:
    for sink in sinks:
        sink.verdict(verdict)
    for problem in verdict.problems:
        report(f"{verdict.source}: {problem}")
    return not verdict.problems
