"""``genrestream listen``: a live run into the screen, the records, the recording and the segments."""

import contextlib
import signal
import sys
from collections.abc import Callable

from genrestream.api import Classifier, load
from genrestream.cli.exits import FAILED, OK
from genrestream.cli.options import ListenOptions
from genrestream.cli.std_streams import stdin_is_closed
from genrestream.errors import AudioError, UsageError
from genrestream.live.devices import Device, pick
from genrestream.live.live_stream import LiveStream
from genrestream.live.microphone import quiet_libraries
from genrestream.live.signals import Signals, signals_received
from genrestream.output.open_sinks import check_outputs, opened, report
from genrestream.output.plot.sink import Plot, check_plot
from genrestream.output.recording.recording import Recording, check_recording
from genrestream.output.segment_files import SegmentFile, check_segments
from genrestream.output.sink import Sink
from genrestream.streaming.predictions import Prediction
from genrestream.streaming.status import Event
from genrestream.ways_out.now import Now
from genrestream.ways_out.sender import Sender

MAIN = "main"  # the name of an input that is the only one


def run(options: ListenOptions) -> int:
    """Listen until the source ends, the time is over or a signal comes, and return the exit code.

    Raises:
        UsageError: An option has a value that it cannot have.
        AudioError: The input cannot be opened.
        CheckpointError: The model cannot be loaded.
        OutputError: A result cannot be written.
    """
    _check(options)
    with quiet_libraries():
        # Before the model is loaded, so that a wrong device is reported at once.
        device = pick(options.input.device) if options.input.source is None else None
        return _listen(options, load(options.model), device)


def _check(options: ListenOptions) -> None:
    """Check before any work that the options fit together."""
    if options.results.chosen_format == "json":
        given = f"--output {options.results.output}" if options.results.format is None else "--format json"
        raise UsageError(f"{given}: a live run writes jsonl or csv, which need no end")
    if options.results.quiet and options.stats:
        raise UsageError("--quiet and --stats: cannot be used together; choose one")
    if options.input.source == "-" and stdin_is_closed():
        raise AudioError("-: standard input is closed; pipe music into it, or name a file")
    options.input.check_source()
    outputs = {"--record": options.record, "--segments": options.segments, "--plot": options.plot}
    outputs["--to"] = next(iter(options.ways.to), None)  # no file, but then the results are not nowhere
    check_outputs(options.results, outputs, [options.input.source or "-"])
    if options.segments:
        check_segments(options.segments)
    check_plot(options.plot, options.plot_level)
    check_recording(options.record, options.rotate_h)


def _listen(options: ListenOptions, model: Classifier, device: Device | None) -> int:
    labels, view = model.card.paths, _View(model.card.name)
    with contextlib.ExitStack() as stack:
        recording = Recording(options.record, options.rotate_h) if options.record else None
        more: list[Sink] = [SegmentFile(options.segments, labels)] if options.segments else []
        if options.plot:
            more.append(Plot(options.plot, options.plot_level))
        told = stack.enter_context(_told(options))
        if told:
            more.append(_teller(options, model, told))
        signals = stack.enter_context(signals_received())
        session = model.session(**vars(options.input.stream))
        live = stack.enter_context(
            LiveStream(options.input, session, device, recording, lambda: signals.received or view.is_gone)
        )
        sinks = stack.enter_context(opened(options.results, labels, 1, view.open, options.view, more))
        _show(live, sinks)
        failed = _conclude(options, live, sinks)
    for line in (*(live.report() if options.stats else ()), *(sender.summary for sender in told if sender.summary)):
        report(line)
    return _exit_code(signals, view, failed)


def _told(options: ListenOptions) -> contextlib.AbstractContextManager[list[Sender[Now]]]:
    """Return the ways out; what fails is told at once unless a screen is shown, and in any case at the end."""
    if not options.ways.to:
        return contextlib.nullcontext([])
    from genrestream.ways_out.teller import senders  # their clients take a while to import

    has_screen = sys.stdout.isatty() and not options.view.plain
    return senders(options.ways, (lambda line: None) if has_screen else report)


def _teller(options: ListenOptions, model: Classifier, told: list[Sender[Now]]) -> Sink:
    from genrestream.ways_out.teller import Teller

    return Teller(MAIN, model.card.name, options.ways.every_s, told)


class _View:
    """The screen, which is there only where standard output is a terminal."""

    def __init__(self, model: str):
        self._model = model
        self._is_gone: Callable[[], bool] = lambda: False

    def open(self, is_ascii: bool) -> Sink:
        """Return the screen."""
        from genrestream.output.terminal.console import Terminal  # rich: a pipe does not need it
        from genrestream.output.terminal.live_screen import LiveScreen

        terminal = Terminal(sys.stdout, is_ascii)
        self._is_gone = lambda: terminal.is_gone
        return LiveScreen(self._model, terminal)

    @property
    def is_gone(self) -> bool:
        """Whether the terminal was closed: nobody would see the rest."""
        return self._is_gone()


def _show(live: LiveStream, sinks: list[Sink]) -> None:
    for sink in sinks:
        sink.begin(live.name, None)
    for update in live.updates():
        if isinstance(update, Prediction):
            for sink in sinks:
                sink.chunk(live.name, update)
        elif isinstance(update, Event):
            for sink in sinks:
                sink.event(live.name, update)
        else:
            for sink in sinks:
                sink.show(update)


def _conclude(options: ListenOptions, live: LiveStream, sinks: list[Sink]) -> bool:
    """Print the summary; return whether something failed."""
    outcome = live.outcome()
    for sink in sinks:
        if outcome.error:
            sink.error(outcome.verdict.source, str(outcome.error))
        else:
            sink.verdict(outcome.verdict)
    notes = () if options.results.quiet else outcome.verdict.notes
    for problem in (*outcome.verdict.problems, *notes):
        report(f"{outcome.verdict.source}: {problem}")
    if outcome.error:
        report(outcome.error)
    return outcome.failed


def _exit_code(signals: Signals, view: _View, failed: bool) -> int:
    if signals.received:
        return signals.exit_code
    if view.is_gone:
        return 128 + signal.SIGHUP  # what a closed terminal sends, where it sends anything
    return FAILED if failed else OK
