"""``genrestream listen``: live runs into the screen, the records, the recording and the segments."""

import contextlib
import dataclasses
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import datetime

from genrestream.api import Classifier, load
from genrestream.cli.exits import FAILED, OK
from genrestream.cli.opening import wait
from genrestream.cli.options import ListenOptions
from genrestream.cli.std_streams import stdin_is_closed
from genrestream.errors import AudioError, OptionError, UsageError
from genrestream.live.config import ListenConfig
from genrestream.live.devices import Device, pick
from genrestream.live.listener import Update
from genrestream.live.live_stream import LiveStream
from genrestream.live.microphone import Microphone, quiet_libraries
from genrestream.live.several.apart import MicrophoneApart
from genrestream.live.several.together import together
from genrestream.live.signals import Signals, signals_received
from genrestream.output.open_sinks import check_outputs, opened, report
from genrestream.output.plot.sink import Plot, check_plot
from genrestream.output.recording.recording import Recording, check_recording
from genrestream.output.segment_files import SegmentFile, check_segments
from genrestream.output.sink import Sink
from genrestream.streaming.predictions import Prediction
from genrestream.streaming.status import Event
from genrestream.ways_out.now import MAIN, Now
from genrestream.ways_out.sender import Sender


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
        devices = _picked(options.input.device) if options.input.source is None else [None]
        model = load(options.model, wait=False)
        wait(model)
        return _listen(options, model, devices)


def _picked(choices: tuple[str, ...]) -> list[Device]:
    """Return the chosen devices, the default one where none is, each with a name of its own.

    Raises:
        UsageError: No input, or more than one, has such a name or number, or one is chosen twice.
        AudioError: There is no input at all.
    """
    devices = [pick(choice) for choice in choices or [None]]
    for number, device in enumerate(devices):
        if device in devices[:number]:
            raise OptionError("device", choices[number], f"is {device.name}, which is given already; give it once")
    names = [device.name for device in devices]
    return [
        dataclasses.replace(device, name=f"{device.name} ({device.index})") if names.count(device.name) > 1 else device
        for device in devices
    ]


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
    outputs, n_inputs = {"--record": options.record, "--segments": options.segments, "--plot": options.plot}, 1
    outputs["--to"] = next(iter(options.ways.to), None)  # no file, but then the results are not nowhere
    if options.input.device:
        n_inputs = len(options.input.device)
    if options.ways.to and n_inputs > 1:
        raise UsageError("--to: takes one --device; 'genrestream serve --input NAME=DEVICE' sends several inputs")
    check_outputs(options.results, outputs, [options.input.source or "-"])
    if options.segments:
        check_segments(options.segments, n_inputs)
    check_plot(options.plot, options.plot_background, n_inputs)
    check_recording(options.record, options.rotate_h, n_inputs)


def _listen(options: ListenOptions, model: Classifier, devices: Sequence[Device | None]) -> int:
    labels, view = model.card.paths, _View(model.card.name)
    with contextlib.ExitStack() as stack:
        recording = Recording(options.record, options.rotate_h) if options.record else None
        more: list[Sink] = [SegmentFile(options.segments, labels)] if options.segments else []
        plot = Plot(options.plot, options.plot_background) if options.plot else None
        more += [plot] if plot else []
        told = stack.enter_context(_told(options))
        signals = stack.enter_context(signals_received())
        sessions = [model.session(**vars(options.input.stream)) for _ in devices]
        if plot and plot.spectrogram:
            sessions[0].on_waveform = plot.spectrogram.add

        def should_stop() -> bool:
            return bool(signals.received) or view.is_gone

        microphone = MicrophoneApart if len(devices) > 1 else Microphone
        runs = [
            stack.enter_context(
                LiveStream(_of_one(options.input, number), session, device, recording, should_stop, microphone)
            )
            for number, (session, device) in enumerate(zip(sessions, devices, strict=True))
        ]
        is_several = len(runs) > 1
        sinks = stack.enter_context(
            opened(options.results, labels, len(runs), view.open, options.view, more, is_several)
        )
        tellers = _tellers(options, model, runs, told)
        _show(runs, {run.name: [*sinks, *tellers.get(run.name, [])] for run in runs}, lambda: bool(signals.received))
        failed = [_conclude(options, run, sinks) for run in runs]
    for run in runs if options.stats else []:
        for line in run.report():
            report(f"{run.name}: {line}" if is_several else line)
    for line in (sender.summary for sender in told if sender.summary):
        report(line)
    return _exit_code(signals, view, any(failed))


def _of_one(config: ListenConfig, number: int) -> ListenConfig:
    """Return the options of one run among several: one device each."""
    return dataclasses.replace(config, device=config.device[number : number + 1])


def _told(options: ListenOptions) -> contextlib.AbstractContextManager[list[Sender[Now]]]:
    """Return the ways out; failures are printed at once unless a screen is shown, and always at the end."""
    if not options.ways.to:
        return contextlib.nullcontext([])
    from genrestream.ways_out.teller import senders  # their clients take a while to import

    has_screen = sys.stdout.isatty() and not options.view.plain
    return senders(options.ways, (lambda line: None) if has_screen else report)


def _tellers(
    options: ListenOptions, model: Classifier, runs: list[LiveStream], told: list[Sender[Now]]
) -> dict[str, list[Sink]]:
    """Return what tells other programs of each run, by the run's name."""
    if not told:
        return {}
    from genrestream.ways_out.teller import Teller

    names = {run.name: run.name if len(runs) > 1 else MAIN for run in runs}
    return {run: [Teller(name, model.card.name, options.ways.every_s, told)] for run, name in names.items()}


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


def _show(runs: list[LiveStream], sinks: dict[str, list[Sink]], is_stopped: Callable[[], bool]) -> None:
    """Tell the sinks of each run, by its name, what happens."""
    for run in runs:
        for sink in sinks[run.name]:
            sink.begin(run.name, None)
    for run, update in together(runs):
        known = [update] if update else []
        if update is None and len(runs) > 1 and not is_stopped():
            known = _failed(run)
        for one in known:
            for sink in sinks[run.name]:
                _tell(sink, run.name, one)


def _tell(sink: Sink, source: str, update: Update) -> None:
    if isinstance(update, Prediction):
        sink.chunk(source, update)
    elif isinstance(update, Event):
        sink.event(source, update)
    else:
        sink.show(update)


def _failed(run: LiveStream) -> list[Update]:
    """Return what to print at once on a run that ended with an error while others go on."""
    error = run.outcome().error
    if error is None:
        return []
    status = dataclasses.replace(run.status, state="no input", notice=str(error))
    return [Event(status.time_s, status.state, status.notice, datetime.now().astimezone()), status]


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
