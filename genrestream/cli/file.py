"""``genrestream file``: every source through one model, into the view and the records."""

import contextlib
import functools
import sys
from collections.abc import Callable

from genrestream.api import Stream, load
from genrestream.audio.listing.folders import search
from genrestream.cli.opening import Openings, wait
from genrestream.cli.options import FileOptions
from genrestream.errors import AudioError, UsageError
from genrestream.live.signals import Signals, signals_received
from genrestream.output.open_sinks import check_outputs, opened, report
from genrestream.output.plot.sink import Plot, check_plot
from genrestream.output.segment_files import SegmentFile, check_segments
from genrestream.output.sink import Sink
from genrestream.streaming.config import default_jobs
from genrestream.streaming.predictions import Prediction, Verdict
from genrestream.streaming.status import state_after, title_event


def run(options: FileOptions) -> int:
    """Classify every source and return the exit code: 0 if all went well, 1 if one failed or was damaged.

    After Ctrl-C, SIGTERM or SIGHUP what is known so far is written, and the code is 128 + the signal.

    Raises:
        UsageError: No source is given, or an option has a value that it cannot have.
        CheckpointError: The model cannot be loaded.
        OutputError: A result cannot be written.
    """
    if not options.sources:
        raise UsageError("no input; name a file, a folder, an http(s):// address, or - for standard input")
    with signals_received(interrupts=True) as signals:
        try:
            sources, n_failed = _expand(options)
            _check(options, sources)
            n_failed += _classify_all(options, sources, signals)
        except KeyboardInterrupt:
            return signals.exit_code
    return 1 if n_failed else 0


def _check(options: FileOptions, sources: list[str]) -> None:
    """Check before any work that the outputs can be written."""
    check_plot(options.plot, options.plot_background, len(sources))
    if options.segments:
        check_segments(options.segments, len(sources))
    check_outputs(options.results, {"--plot": options.plot, "--segments": options.segments}, sources)


def _classify_all(options: FileOptions, sources: list[str], signals: Signals) -> int:
    """Classify the sources into all that was asked for; return how many failed."""
    model = load(options.model, wait=False)
    labels = model.card.paths
    plot = Plot(options.plot, options.plot_background) if options.plot else None
    more: list[Sink] = [plot] if plot else []
    if options.segments:
        more.append(SegmentFile(options.segments, labels))
    screen = functools.partial(_screen, len(sources))
    on_waveform = plot.spectrogram.add if plot and plot.spectrogram else None
    openings = Openings(options, model, sources, default_jobs() if options.jobs is None else options.jobs, on_waveform)
    with contextlib.closing(openings):
        openings.start()
        wait(model)
        with opened(options.results, labels, len(sources), screen, options.view, more) as sinks:
            n_failed = sum(
                not _classify(options, functools.partial(openings.stream, source, opening), source, sinks, signals)
                for source, opening in openings
            )
            signals.end()
    return n_failed


def _expand(options: FileOptions) -> tuple[list[str], int]:
    sources, n_failed = [], 0
    for path in options.sources:
        try:
            found = search(path, options.playlist)
        except AudioError as error:
            report(error)
            n_failed += 1
            continue
        sources += found.files
        n_failed += len(found.problems)
        summary = [f"{path}: {found.summary}"] if found.summary and not options.results.quiet else []
        for line in [*found.problems, *summary]:
            report(line)
    return sources, n_failed


def _screen(n_sources: int, is_ascii: bool) -> Sink:
    from genrestream.output.terminal.console import Terminal  # rich: a pipe does not need it
    from genrestream.output.terminal.file_screen import FileScreen

    return FileScreen(n_sources, Terminal(sys.stdout, is_ascii))


def _classify(
    options: FileOptions, stream_of: Callable[[], Stream], source: str, sinks: list[Sink], signals: Signals
) -> bool:
    """Classify one source into the sinks; return whether all went well."""
    try:
        with stream_of() as stream:
            for sink in sinks:
                sink.begin(source, stream.source.duration_s, lambda: stream.position_s)
            try:
                title = ""
                for prediction in stream:
                    with signals.held():
                        _show(source, prediction, title, sinks)
                    title = prediction.title
            except KeyboardInterrupt:
                _conclude(options, stream.verdict(), sinks)
                raise
        with signals.held():
            return _conclude(options, stream.verdict(), sinks)
    except AudioError as error:
        for sink in sinks:
            sink.error(source, str(error))
        report(error)
        return False


def _show(source: str, prediction: Prediction, title_before: str, sinks: list[Sink]) -> None:
    for sink in sinks:
        if prediction.title not in ("", title_before):
            sink.event(source, title_event(prediction.end_s, state_after(prediction), prediction.title))
        sink.chunk(source, prediction)


def _conclude(options: FileOptions, verdict: Verdict, sinks: list[Sink]) -> bool:
    for sink in sinks:
        sink.verdict(verdict)
    for problem in (*verdict.problems, *(() if options.results.quiet else verdict.notes)):
        report(f"{verdict.source}: {problem}")
    return not verdict.problems
