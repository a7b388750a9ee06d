"""The loop of a live run: blocks from the feed through the session to predictions, events and the run's status."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np

from genrestream.audio.chunks import MIN_PIECE_S
from genrestream.audio.level import Level
from genrestream.errors import AudioError, GenrestreamError, OutputError
from genrestream.live.config import ListenConfig
from genrestream.live.feed import Block, Feed
from genrestream.live.hop import AdaptiveHop
from genrestream.live.stats import Stats
from genrestream.streaming.predictions import Prediction, Verdict
from genrestream.streaming.session import Session
from genrestream.streaming.status import Event, LiveState, Status, state_after, title_event

TICK_S = 0.1
NO_INPUT_S = 1.7  # seconds without a block; a tick and a screen update later it is still under two seconds
STARTING_S = 3.0  # a device may take longer for its first block
MAX_PROBLEMS = 20  # more dropped blocks are not reported: each block of a broken stream may have another reason
NOTICE_S = 10.0  # between two events on dropped blocks, and for which a notice is shown
QUIET_S = 2.0  # of silence after which what was loud is over; a whole chunk of silence comes up to two seconds later

Update = Prediction | Event | Status


class LiveSource(Protocol):
    """A source that fills the feed: a microphone, or a file played in real time.

    Attributes:
        name: Its name, for messages.
        problems: What was wrong with its data, one line each.
    """

    name: str
    problems: list[str]

    def close(self) -> None:
        """Stop it."""


class Tap(Protocol):
    """What gets the input as it is received, beside the session: a recording, a spectrogram."""

    def write(self, samples: np.ndarray, sample_rate: int) -> None:
        """Take a block, float32, shape (n_channels, n_samples).

        Raises:
            OutputError: It cannot be kept; the tap is closed then, and listening goes on.
        """

    def close(self) -> None:
        """Finish."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a live run ended.

    Attributes:
        verdict: The verdict on all audio received.
        error: Why it ended early or has no answer; None if there was no error.
        failed: Whether there was an error, or something was wrong with the input or the recording.
    """

    verdict: Verdict
    error: GenrestreamError | None
    failed: bool


class Listener:
    """One live run; its iteration does all work except the device's callback and the reading of a file.

    Args:
        config: What to listen to, and how.
        session: The session of its stream.
        feed: Where blocks come from.
        source: The source that fills the feed.
        recording: Takes the input as it is received, if anything does.
        should_stop: Called at each tick; a true result ends the run.

    Attributes:
        status: The current status.
        stats: Statistics of the run so far.
    """

    def __init__(
        self,
        config: ListenConfig,
        session: Session,
        feed: Feed,
        source: LiveSource,
        recording: Tap | None = None,
        should_stop: Callable[[], object] = lambda: False,
    ):
        self._config, self._session, self._feed, self._source = config, session, feed, source
        self._recording, self._should_stop = recording, should_stop
        self._hop = AdaptiveHop(config.stream.hop_s, config.speed, feed.limit_s)
        self._level, self.stats = Level(), Stats()
        self.status = Status(source.name, hop_s=config.stream.hop_s)
        self._problems: list[str] = []
        self._received_s = self._lost_s = 0.0
        self._captured_s = time.monotonic()  # when the last sample so far was recorded
        self._n_losses = self._n_reported = 0
        self._reported_s = self._noticed_s = -math.inf
        self._is_lost = False

    def updates(self) -> Iterator[Update]:
        """Yield predictions and events as they happen, and the status after each tick, until the run ends."""
        try:
            while not self._should_stop() and not self._is_over():
                block = self._feed.get(TICK_S)
                if block:
                    yield from self._take(block)
                yield from self._watch(block)
                yield self._measured()
            yield from self._answers(self._session.flush())
            yield from self._end_recording()
        finally:
            if self._is_lost:
                self._is_lost, self._lost_s = False, self._lost_s + self._feed.quiet_s
            self._source.close()
            if self._recording:  # the run broke off
                self._recording.close()

    def report(self) -> list[str]:
        """Return the statistics of the run as lines of text."""
        return self.stats.lines(self._received_s, self._feed.n_dropped, self._feed.n_overflows)

    def outcome(self) -> Outcome:
        """Return how the run ended.

        Raises:
            Exception: A bug in the source's thread, as opposed to a fault of the input.
        """
        error = self._feed.error
        if error and not isinstance(error, GenrestreamError):
            raise error
        problems = [*self._problems, *self._source.problems]
        failed = bool(problems or error)
        losses = [f"the input was lost {self._n_losses} time{'s' * (self._n_losses > 1)}"] if self._n_losses else []
        if self.status.n_dropped:
            losses.append(f"{self.status.n_dropped} blocks were dropped")
        lost_s = self._lost_s + (self._feed.quiet_s if self._is_lost else 0.0)
        if losses or lost_s:  # a device may report blocks that it dropped without a gap in its clock
            what = " and ".join(losses) or "the input has gaps"
            problems.append(f"{what}, {lost_s:.1f} s in all" if lost_s else what)
        verdict = self._session.verdict(tuple(problems))
        if verdict.n_chunks == 0 and not error:
            received = f"{self._received_s:.2g} s of audio"
            error = AudioError(f"{verdict.source}: {received}, at least {MIN_PIECE_S:g} s is needed")
        return Outcome(verdict, error, failed or error is not None)

    def _is_over(self) -> bool:
        if self._feed.is_over and not self._feed.waiting_s:
            return True
        quiet_s = self._feed.quiet_s if self._feed.quiet_s > NO_INPUT_S else 0.0
        limit_s = self._config.duration_s
        return limit_s is not None and self.status.time_s + quiet_s * min(self._config.speed, 1.0) >= limit_s

    def _take(self, block: Block) -> Iterator[Update]:
        """Give a block to the level meter, the recording and the session."""
        samples, sample_rate = block.samples, block.sample_rate
        if self._config.duration_s is not None:
            left_s = self._config.duration_s - self.status.time_s - block.lost_s
            samples = samples[:, : max(0, math.ceil(left_s * sample_rate))]
        duration_s = samples.shape[1] / sample_rate
        if block.lost_s:
            yield from self._answers(self._session.skip(block.lost_s))
            self.status.time_s += block.lost_s
            self._lost_s += block.lost_s
        yield from self._take_title(block.title)
        self.status.time_s += duration_s
        self._captured_s = block.captured_s - (block.duration_s - duration_s) / self._config.speed
        self._level.push(samples, duration_s)
        yield from self._record(samples, sample_rate)
        began_s = time.monotonic()
        try:
            predictions = self._session.push_block(samples, sample_rate)
        except AudioError as error:
            if len(self._problems) < MAX_PROBLEMS:
                yield from self._problem(f"a block was dropped: {error}")
            yield from self._answers(self._session.skip(duration_s))
            return
        busy_s = time.monotonic() - began_s
        self._received_s += duration_s
        self.stats.busy_s += busy_s
        yield from self._answers(predictions, is_due=True)
        if predictions and (change := self._hop.adapt(self._feed.waiting_s, busy_s / len(predictions))):
            self._session.hop_s = self.status.hop_s = self._hop.hop_s
            yield self._event(self.status.state, change)

    def _take_title(self, title: str) -> Iterator[Event]:
        if title != self.status.title:
            self.status.title = title
            if title:
                yield title_event(self.status.time_s, self.status.state, title, _now())

    def _answers(self, predictions: list[Prediction], is_due: bool = False) -> Iterator[Update]:
        """Yield predictions with their time; of those that a block made due, measure the delay."""
        for prediction in predictions:
            # The samples after the chunk's end are part of the last block, so they arrived with it.
            after_s = max(0.0, self.status.time_s - prediction.end_s) / self._config.speed
            age_s = time.monotonic() - self._captured_s + after_s
            time_of_end = _now() - timedelta(seconds=age_s)
            prediction = dataclasses.replace(prediction, time=time_of_end, title=self.status.title)
            self.status.prediction = prediction
            self.status.state = "silence" if self._has_fallen_silent() else state_after(prediction)
            yield prediction
            if is_due:
                self.status.delay_s = max(0.0, time.monotonic() - self._captured_s + after_s)
                self.stats.delays.add(self.status.delay_s)
                self.stats.n_answers += 1

    def _watch(self, block: Block | None) -> Iterator[Event]:
        """Notice that the input went away or came back, and that blocks were dropped."""
        feed, status = self._feed, self.status
        allowed_s = NO_INPUT_S if self._received_s else STARTING_S
        if self._is_lost and block and feed.connected:
            self._is_lost = False
            yield self._event("nothing", f"{self._source.name} delivers again")
        elif self._is_lost:
            status.state, status.notice = "no input", feed.notice or status.notice
        elif not feed.is_over and not feed.waiting_s and (not feed.connected or feed.quiet_s > allowed_s):
            self._is_lost, self._level = True, Level()
            self._session.level = Level(self._config.stream.silence_db)
            self._n_losses += 1
            yield self._event("no input", feed.notice if not feed.connected else f"{self._source.name} is silent")
        elif status.state not in ("silence", "nothing", "no input") and self._has_fallen_silent():
            yield self._event("silence", "silence")
        n_dropped = feed.n_dropped + feed.n_overflows
        status.n_dropped = n_dropped
        if n_dropped > self._n_reported and time.monotonic() - self._reported_s > NOTICE_S:
            message = f"{n_dropped - self._n_reported} blocks dropped ({feed.n_overflows} by the device so far)"
            self._n_reported, self._reported_s = n_dropped, time.monotonic()
            yield self._event(status.state, message)

    def _has_fallen_silent(self) -> bool:
        """Whether loud sound ended some seconds ago. Weak music from a quiet microphone was weak before, too."""
        last = self.status.prediction
        was_loud = last is not None and last.level_db >= self._config.stream.silence_db
        return was_loud and self._session.level.quiet_s >= QUIET_S

    def _measured(self) -> Status:
        if not self._is_lost and time.monotonic() - self._noticed_s > NOTICE_S:
            self.status.notice = ""
        status, level = self.status, self._session.level  # of the conditioned stream, without offset and hum
        status.level_db, status.peak_db, status.is_clipped = level.rms_db, level.peak_db, self._level.is_clipped
        return status

    def _event(self, state: LiveState, message: str) -> Event:
        self.status.state, self.status.notice, self._noticed_s = state, message, time.monotonic()
        return Event(self.status.time_s, state, message, _now())

    def _problem(self, message: str) -> Iterator[Event]:
        if message not in self._problems:
            self._problems.append(message)
            yield self._event(self.status.state, message)

    def _record(self, samples: np.ndarray, sample_rate: int) -> Iterator[Event]:
        if self._recording:
            try:
                self._recording.write(samples, sample_rate)
            except OutputError as error:
                self._recording = None
                yield from self._problem(str(error))

    def _end_recording(self) -> Iterator[Event]:
        if self._recording:
            recording, self._recording = self._recording, None
            try:
                recording.close()
            except OutputError as error:
                yield from self._problem(str(error))


def _now() -> datetime:
    """Return the wall-clock time, with the local zone."""
    return datetime.now().astimezone()
