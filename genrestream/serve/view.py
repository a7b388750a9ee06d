"""From the updates of one listener to the messages of the page and the API."""

import base64
import collections
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from genrestream.inference.checkpoint import Card
from genrestream.live.listener import Update
from genrestream.live.stats import Delays
from genrestream.output.records.json_files import chunk_record, event_record
from genrestream.output.sink import Sink
from genrestream.serve.spectrogram import Spectrogram
from genrestream.serve.stretches import Stretch, Stretches
from genrestream.streaming.predictions import Prediction
from genrestream.streaming.status import Event, Status, state_after
from genrestream.ways_out.now import Now, now_of

TICK_S = 0.09  # between two messages of level and spectrogram
NOW_S = 5.0  # between two messages on what is on, and on what is open, where nothing changes

Message = dict[str, Any]  # ready for JSON; its "type" is now, tick, chunk, event or segments


class Counts:
    """What is counted of an input, for ``/metrics``.

    Attributes:
        chunks: Chunks by what they are and what was the answer after them: one label, since sets of tags have no end.
        delays: From a chunk's last sample to its answer.
        n_dropped: Blocks lost.
        n_failures: How often the input ended with an error.
    """

    def __init__(self):
        self.chunks: collections.Counter[tuple[str, str]] = collections.Counter()
        self.delays, self.delay_sum_s, self.n_answers = Delays(), 0.0, 0
        self.n_dropped = self.n_failures = 0

    def take(self, prediction: Prediction) -> None:
        """Count a chunk."""
        state = state_after(prediction)
        self.chunks[prediction.kind, prediction.running.leader if state == "music" else state] += 1


class StreamView:
    """One stream that is shown: an input of the server, or a visitor's microphone.

    Args:
        name: The input's name.
        source: What it listens to.
        card: The model's card.
        publish: Takes messages, from the listener's thread.
        counts: What is counted of the input.
        sinks: What else is sent to.
        keep: Takes the stretches that ended, and those that are open; for the history.

    Attributes:
        spectrogram: Takes the input as it is received.
        now: What is on.
    """

    def __init__(
        self,
        name: str,
        source: str,
        card: Card,
        publish: Callable[[Message], None],
        counts: Counts,
        sinks: Sequence[Sink] = (),
        keep: Callable[[Sequence[Stretch], Sequence[Stretch]], None] = lambda ended, still_open: None,
    ):
        self._name, self._source, self._model = name, source, card.name
        self._publish, self._counts, self._sinks, self._keep = publish, counts, sinks, keep
        self._stretches = Stretches(card.paths)
        self._ticked_s = self._told_s = self._stretched_s = 0.0
        self._n_dropped = 0
        self._told: tuple[object, ...] = ()
        self._is_answered = False
        self.spectrogram = Spectrogram()
        self.now: Now = now_of(name, source, card.name, Status())
        for sink in sinks:
            sink.begin(source, None)

    def follow(self, updates: Iterable[Update]) -> None:
        """Take all updates of a listener, as they come."""
        for update in updates:
            if isinstance(update, Prediction):
                self._chunk(update)
            elif isinstance(update, Event):
                self._event(update)
            else:
                self._status(update)
        self._stretch(self._stretches.flush())

    def _chunk(self, prediction: Prediction) -> None:
        self._counts.take(prediction)
        self._is_answered = True
        for sink in self._sinks:
            sink.chunk(self._source, prediction)
        self._publish(chunk_record(self._source, prediction) | {"input": self._name})
        self._stretch(self._stretches.push(prediction))

    def _event(self, event: Event) -> None:
        for sink in self._sinks:
            sink.event(self._source, event)
        self._publish(event_record(self._source, event) | {"input": self._name})
        self._stretch(self._stretches.note(event))

    def _stretch(self, ended: Sequence[Stretch]) -> None:
        self._stretched_s, still_open = time.monotonic(), self._stretches.still_open
        self._keep(ended, still_open)
        self._publish(
            {
                "type": "segments",
                "input": self._name,
                "ended": [one.to_dict() for one in ended],
                "open": [one.to_dict() for one in still_open],
            }
        )

    def _status(self, status: Status) -> None:
        """Take a status, of which a file's short blocks bring hundreds a second."""
        now_s = time.monotonic()
        is_due = now_s - self._ticked_s >= TICK_S
        if not is_due and not self._is_answered:
            return
        if self._is_answered and status.delay_s is not None:
            self._counts.delays.add(status.delay_s)
            self._counts.delay_sum_s += status.delay_s
            self._counts.n_answers += 1
        self._counts.n_dropped += status.n_dropped - self._n_dropped
        self._n_dropped = status.n_dropped
        for sink in self._sinks:
            sink.show(status)
        self.now = now_of(self._name, self._source, self._model, status)
        told = (self.now.state, self.now.genres, self.now.title, self.now.notice, self.now.n_dropped)
        if self._is_answered or told != self._told or now_s - self._told_s > NOW_S:
            self._told, self._told_s, self._is_answered = told, now_s, False
            self._publish({"type": "now", **self.now.to_dict()})
        if now_s - self._stretched_s > NOW_S:  # no chunk comes: what is open goes on all the same
            self._stretch(())
        if is_due:
            self._ticked_s = now_s
            self._publish(self._tick(status))

    def _tick(self, status: Status) -> Message:
        return {
            "type": "tick",
            "input": self._name,
            "time_s": round(status.time_s, 3),
            "level_db": round(status.level_db, 1),
            "peak_db": round(status.peak_db, 1),
            "is_clipped": status.is_clipped,
            "columns": base64.b64encode(self.spectrogram.take()).decode(),
        }
