"""One run of ``genrestream listen``: blocks from the feed through the session to the sinks, until it is stopped."""

import contextlib
import math
import os
import time
from typing import Any

from genrestream.audio import is_url
from genrestream.chunks import MIN_PIECE_S
from genrestream.classifier import Classifier, load
from genrestream.commands import ListenCommand
from genrestream.devices import pick
from genrestream.errors import AudioError, GenrestreamError, OutputError, UsageError
from genrestream.feed import Block, Feed
from genrestream.level import Level
from genrestream.live import Event, Status, state_after
from genrestream.microphone import Microphone, quiet_libraries
from genrestream.predictions import Prediction
from genrestream.program import use_compile_cache
from genrestream.realtime import Player
from genrestream.recording import Recording
from genrestream.segment_files import SegmentFile, check_segments
from genrestream.signals import signals_received
from genrestream.sinks import check_outputs, chosen_format, opened, report
from genrestream.stats import Stats

TICK_S = 0.1
NO_INPUT_S = 1.7  # without a block; with a tick and a screen's frame still within two seconds
STARTING_S = 3.0  # a device may take longer for its first block
BEHIND_S = 1.0  # so much audio waiting means that the machine is too slow
MAX_HOP_S = 60.0
CALM_ANSWERS = 20  # at a stretched hop before a shorter one is tried
NOTICE_S = 10.0  # at most one event on dropped blocks in so long


def listen(command: ListenCommand) -> int:
    """Listen until the source ends, the time is over or a signal comes, and return the exit code.

    Raises:
        UsageError: An option has a value that it cannot have.
        AudioError: The input cannot be opened.
        CheckpointError: The model cannot be loaded.
        OutputError: A result cannot be written.
    """
    _check(command)
    with quiet_libraries():
        if command.source is None:
            pick(command.device)  # before the model is loaded: what is wrong is said at once
        use_compile_cache()
        return _listen(command, load(command.model))


def _check(command: ListenCommand) -> None:
    """Check before any work that the options fit together."""
    if not command.speed > 0:
        raise UsageError(f"--speed {command.speed}: must be more than 0")
    if command.source is None and command.speed != 1:
        raise UsageError(f"--speed {command.speed:g}: a device has its own pace; give a file with --source FILE")
    if command.source is not None and command.device is not None:
        raise UsageError(f"--device {command.device}: cannot be listened to while --source {command.source} plays")
    if command.duration_s is not None and not 0 < command.duration_s < math.inf:
        raise UsageError(f"--duration-s {command.duration_s}: must be more than 0 seconds, and finite")
    if chosen_format(command.format, command.output) == "json":
        raise UsageError(f"--output {command.output}: a live run writes .jsonl or .csv, which need no end")
    source = command.source or "-"
    if source != "-" and not is_url(source) and not os.path.exists(source):
        raise AudioError(f"{source}: no such file or directory")
    outputs = {"--output": command.output, "--record": command.record, "--segments": command.segments}
    check_outputs(outputs, [source])
    if command.segments:
        check_segments(command.segments)


def _listen(command: ListenCommand, model: Classifier) -> int:
    labels, screens = model.card.labels, []
    with contextlib.ExitStack() as stack:
        recording = Recording(command.record) if command.record else None
        more = [SegmentFile(command.segments, labels, is_live=True)] if command.segments else []

        def screen() -> Any:
            from genrestream.live_screen import LiveScreen  # rich: a pipe does not need it

            screens.append(LiveScreen(model.card.name))
            return screens[0]

        signals = stack.enter_context(signals_received())
        feed = Feed()
        source = _source(command, feed)
        stack.callback(source.close)
        sinks = stack.enter_context(opened(command.output, command.format, labels, 1, screen, more))
        listener = Listener(command, model, feed, source, sinks, screens, recording, signals)
        failed = listener.run()
    if command.stats:
        for line in listener.report():
            report(line)
    return 128 + signals[0] if signals else int(failed)


def _source(command: ListenCommand, feed: Feed) -> Microphone | Player:
    if command.source is None:
        return Microphone(command.device, feed)
    return Player(command.source, command.raw, command.speed, feed)


class Listener:
    """The loop of one run; everything but the device's callback and the file's reader happens in it.

    Args:
        command: The run's options.
        model: The loaded model.
        feed: Where blocks come from.
        source: What fills the feed.
        sinks: Where answers and events go.
        screens: The live screen among them, or none.
        recording: Where what is heard is recorded.
        signals: The signals received so far; the first one ends the run.
    """

    def __init__(
        self,
        command: ListenCommand,
        model: Classifier,
        feed: Feed,
        source: Microphone | Player,
        sinks: list[Any],
        screens: list[Any],
        recording: Recording | None,
        signals: list[int],
    ):
        self._command, self._feed, self._source, self._sinks, self._screens = command, feed, source, sinks, screens
        self._recording, self._signals = recording, signals
        self._session = model.session(source.name, **vars(command.stream))
        self._level, self._stats = Level(), Stats()
        self._status = Status(hop_s=command.stream.hop_s)
        self._problems: list[str] = []
        self._heard_s = self._no_input_s = 0.0
        self._n_losses = self._n_told = self._n_calm = 0
        self._told_s = -math.inf
        self._is_lost = False

    def run(self) -> bool:
        """Listen to the end; return whether something failed."""
        for sink in self._sinks:
            sink.begin(self._source.name, None)
        try:
            while not self._signals and not self._is_over():
                block = self._feed.get(TICK_S)
                if block:
                    self._hear(block)
                self._watch(block)
                self._show()
            self._answer(self._session.flush())
        finally:
            self._source.close()
            self._stop_recording()
        return self._conclude()

    def report(self) -> list[str]:
        """Return the lines of ``--stats``."""
        return self._stats.lines(self._heard_s, self._feed.n_dropped, self._feed.n_overflows)

    def _is_over(self) -> bool:
        if self._feed.is_over and not self._feed.waiting_s:
            return True
        quiet_s = self._feed.quiet_s if self._feed.quiet_s > NO_INPUT_S else 0.0
        limit_s = self._command.duration_s
        return limit_s is not None and self._status.time_s + quiet_s * min(self._command.speed, 1.0) >= limit_s

    def _hear(self, block: Block) -> None:
        """Take a block through the session, the meter and the recording."""
        samples, sample_rate = block.samples, block.sample_rate
        if self._command.duration_s is not None:
            left_s = self._command.duration_s - self._status.time_s - block.lost_s
            samples = samples[:, : max(0, math.ceil(left_s * sample_rate))]
        if block.lost_s:
            self._answer(self._session.skip(block.lost_s))
            self._status.time_s += block.lost_s
        self._status.time_s += samples.shape[1] / sample_rate
        self._heard_s += samples.shape[1] / sample_rate
        self._level.push(samples, samples.shape[1] / sample_rate)
        self._record(samples, sample_rate)
        began_s = time.monotonic()
        try:
            predictions = self._session.push_block(samples, sample_rate)
        except AudioError as error:
            self._problem(f"a block was dropped: {error}")
            self._answer(self._session.skip(samples.shape[1] / sample_rate))
            return
        busy_s = time.monotonic() - began_s
        self._stats.busy_s += busy_s
        self._answer(predictions, block)
        if predictions:
            self._adapt_hop(busy_s / len(predictions))

    def _answer(self, predictions: list[Prediction], block: Block | None = None) -> None:
        for prediction in predictions:
            self._status.prediction, self._status.state = prediction, state_after(prediction)
            for sink in self._sinks:
                sink.chunk(self._source.name, prediction)
            if block:
                # Of the stream's time since the chunk's last sample, what came with this block came with its end.
                after_s = max(0.0, self._status.time_s - prediction.end_s) / self._command.speed
                self._status.delay_s = max(0.0, time.monotonic() - block.captured_s + after_s)
                self._stats.delays.add(self._status.delay_s)
                self._stats.n_answers += 1

    def _watch(self, block: Block | None) -> None:
        """Notice that the input went away or came back, and what was dropped."""
        feed, status = self._feed, self._status
        allowed_s = NO_INPUT_S if self._heard_s else STARTING_S
        if self._is_lost and block and feed.connected:
            self._is_lost = False
            self._no_input_s += block.lost_s
            self._tell("unsure", f"{self._source.name} delivers again")
        elif self._is_lost:
            status.state, status.notice = "no input", feed.notice or status.notice
        elif not feed.is_over and (not feed.connected or feed.quiet_s > allowed_s):
            self._is_lost, self._level = True, Level()
            self._n_losses += 1
            gone = feed.notice if not feed.connected else f"{self._source.name} delivers nothing"
            self._tell("no input", gone)
        n_dropped = feed.n_dropped + feed.n_overflows
        status.n_dropped = n_dropped
        if n_dropped > self._n_told and time.monotonic() - self._told_s > NOTICE_S:
            message = f"{n_dropped - self._n_told} blocks dropped ({feed.n_overflows} by the device so far)"
            self._tell(status.state, message)
            self._n_told, self._told_s = n_dropped, time.monotonic()

    def _adapt_hop(self, cost_s: float) -> None:
        """Answer less often where the machine cannot keep up, and as asked again where it can."""
        hop_s, asked_s = self._session.hop_s, self._command.stream.hop_s
        self._n_calm += 1
        if math.isinf(self._command.speed):
            return  # a file that is played as fast as it is listened to waits
        if self._feed.waiting_s > min(self._feed.limit_s / 2, BEHIND_S * self._command.speed):
            if 2 * hop_s <= MAX_HOP_S and (self._n_calm > 1 or hop_s == asked_s):
                self._set_hop(2 * hop_s, "this machine is too slow")
        elif hop_s > asked_s and self._n_calm > CALM_ANSWERS and cost_s * self._command.speed < hop_s / 4:
            self._set_hop(max(asked_s, hop_s / 2), "this machine keeps up again")

    def _set_hop(self, hop_s: float, why: str) -> None:
        self._session.hop_s = self._status.hop_s = hop_s
        self._n_calm = 0
        self._tell(self._status.state, f"{why}: an answer each {hop_s:g} s (asked: {self._command.stream.hop_s:g} s)")

    def _tell(self, state: Any, message: str) -> None:
        self._status.state, self._status.notice = state, message
        for sink in self._sinks:
            sink.event(self._source.name, Event(self._status.time_s, state, message))

    def _problem(self, message: str) -> None:
        if message not in self._problems:
            self._problems.append(message)
            self._tell(self._status.state, message)

    def _record(self, samples: Any, sample_rate: int) -> None:
        if self._recording:
            try:
                self._recording.write(samples, sample_rate)
            except OutputError as error:
                self._recording = None
                self._problem(str(error))

    def _stop_recording(self) -> None:
        if self._recording:
            try:
                self._recording.close()
            except OutputError as error:
                self._problem(str(error))

    def _show(self) -> None:
        status, level = self._status, self._level
        status.level_db, status.peak_db, status.is_clipped = level.rms_db, level.peak_db, level.is_clipped
        for screen in self._screens:
            screen.show(status)

    def _conclude(self) -> bool:
        """Print the summary; return whether something failed."""
        error = self._feed.error
        if error and not isinstance(error, GenrestreamError):
            raise error
        problems = [*self._problems, *getattr(self._source, "problems", [])]
        failed = bool(problems or error)
        if self._is_lost:
            self._no_input_s += self._feed.quiet_s
        if self._n_losses:
            times = f"{self._n_losses} time{'s' * (self._n_losses > 1)}"
            problems.append(f"the input was lost {times}, {self._no_input_s:.1f} s in all")
        if self._status.n_dropped:
            problems.append(f"{self._status.n_dropped} blocks dropped")
        verdict = self._session.verdict(tuple(problems))
        if verdict.n_chunks == 0 and not error:
            heard = f"{self._heard_s:.2g} s of audio"
            error = AudioError(f"{verdict.source}: {heard}, at least {MIN_PIECE_S:g} s is needed")
        for sink in self._sinks:
            if error:
                sink.error(verdict.source, str(error))
            else:
                sink.verdict(verdict)
        for problem in problems:
            report(f"{verdict.source}: {problem}")
        if error:
            report(error)
        return failed or error is not None
