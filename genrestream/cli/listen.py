"""``genrestream listen``: a live run into the screen, the records, the recording and the segments."""

import contextlib
from typing import Any

from genrestream.api import Classifier, load
from genrestream.cli.exits import FAILED, OK
from genrestream.cli.options import ListenOptions
from genrestream.errors import UsageError
from genrestream.inference.program import use_compile_cache
from genrestream.live.config import ListenConfig
from genrestream.live.devices import Device, pick
from genrestream.live.feed import Feed
from genrestream.live.listener import Listener
from genrestream.live.microphone import Microphone, quiet_libraries
from genrestream.live.player import Player
from genrestream.live.signals import signals_received
from genrestream.output.open_sinks import check_outputs, chosen_format, opened, report
from genrestream.output.recording import Recording
from genrestream.output.segment_files import SegmentFile, check_segments
from genrestream.output.sink import Sink
from genrestream.streaming.predictions import Prediction
from genrestream.streaming.status import Event


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
        use_compile_cache()
        return _listen(options, load(options.model), device)


def _check(options: ListenOptions) -> None:
    """Check before any work that the options fit together."""
    if chosen_format(options.format, options.output) == "json":
        raise UsageError(f"--output {options.output}: a live run writes .jsonl or .csv, which need no end")
    options.input.check_source()
    outputs = {"--output": options.output, "--record": options.record, "--segments": options.segments}
    check_outputs(outputs, [options.input.source or "-"])
    if options.segments:
        check_segments(options.segments)


def _listen(options: ListenOptions, model: Classifier, device: Device | None) -> int:
    labels, screens = model.card.labels, []
    with contextlib.ExitStack() as stack:
        recording = Recording(options.record) if options.record else None
        more: list[Sink] = [SegmentFile(options.segments, labels, is_live=True)] if options.segments else []

        def screen() -> Any:
            from genrestream.output.live_screen import LiveScreen  # rich: a pipe does not need it

            screens.append(LiveScreen(model.card.name))
            return screens[0]

        signals = stack.enter_context(signals_received())
        feed = Feed()
        source = open_source(options.input, device, feed)
        stack.callback(source.close)
        sinks = stack.enter_context(opened(options.output, options.format, labels, 1, screen, more))
        session = model.session(source.name, **vars(options.input.stream))
        listener = Listener(options.input, session, feed, source, recording, lambda: signals)
        _show(listener, source.name, sinks, screens)
        failed = _conclude(listener, sinks)
    if options.stats:
        for line in listener.report():
            report(line)
    return 128 + signals[0] if signals else FAILED if failed else OK


def open_source(config: ListenConfig, device: Device | None, feed: Feed) -> Microphone | Player:
    """Open what is listened to, delivering into the feed."""
    if config.source is None:
        return Microphone(config.device, feed, device)
    return Player(config.source, config.raw, config.speed, feed, config.track)


def _show(listener: Listener, source: str, sinks: list[Sink], screens: list[Any]) -> None:
    for sink in sinks:
        sink.begin(source, None)
    for update in listener.updates():
        if isinstance(update, Prediction):
            for sink in sinks:
                sink.chunk(source, update)
        elif isinstance(update, Event):
            for sink in sinks:
                sink.event(source, update)
        else:
            for screen in screens:
                screen.show(update)


def _conclude(listener: Listener, sinks: list[Sink]) -> bool:
    """Print the summary; return whether something failed."""
    outcome = listener.outcome()
    for sink in sinks:
        if outcome.error:
            sink.error(outcome.verdict.source, str(outcome.error))
        else:
            sink.verdict(outcome.verdict)
    for problem in outcome.verdict.problems:
        report(f"{outcome.verdict.source}: {problem}")
    if outcome.error:
        report(outcome.error)
    return outcome.failed
