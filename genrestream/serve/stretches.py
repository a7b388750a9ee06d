"""Segments in wall-clock time: when which genre played."""

import dataclasses
import time
from typing import Any

from genrestream.streaming.history import NO_INPUT
from genrestream.streaming.predictions import Prediction, Segment
from genrestream.streaming.segments import Segmenter
from genrestream.streaming.status import Event


@dataclasses.dataclass(frozen=True)
class Stretch:
    """A stretch of one genre, of silence, speech or noise, or of lost input.

    Attributes:
        start: When it began, in seconds since 1970.
        end: When it ended.
        genre: The label, or ``silence``, ``speech``, ``noise`` or ``no input``.
        confidence: As a segment's, 0 to 1.
        start_s: Where it began in the stream, in seconds.
        end_s: Where it ended in the stream.
    """

    start: float
    end: float
    genre: str
    confidence: float
    start_s: float = 0.0
    end_s: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, ready for JSON."""
        fields = dataclasses.asdict(self)
        return {name: round(value, 3) if isinstance(value, float) else value for name, value in fields.items()}


class Stretches:
    """Finds the stretches of one input.

    Args:
        labels: The model's labels.
    """

    def __init__(self, labels: tuple[str, ...]):
        self._segmenter = Segmenter(labels)
        self._began = 0.0  # when the stream began, in wall-clock time
        self._lost_at: tuple[float, float] | None = None

    def push(self, prediction: Prediction) -> list[Stretch]:
        """Take a chunk, and return the stretches that it ended."""
        self._began = (prediction.time.timestamp() if prediction.time else time.time()) - prediction.end_s
        back = self._back(self._began + prediction.start_s, prediction.start_s)
        return back + self._of(self._segmenter.push(prediction))

    def note(self, event: Event) -> list[Stretch]:
        """Take an event; lost input ends what was open."""
        if event.state != "no input":
            return []
        ended = self.flush()
        self._lost_at = (event.time.timestamp() if event.time else time.time(), event.time_s)
        return ended

    def flush(self) -> list[Stretch]:
        """End what is open, and return it."""
        return self._back(time.time()) + self._of(self._segmenter.flush())

    @property
    def still_open(self) -> list[Stretch]:
        """What would be ended if nothing else came."""
        return self._lost(time.time()) or self._of(self._segmenter.rest())

    def _back(self, end: float, end_s: float | None = None) -> list[Stretch]:
        """End the stretch of lost input, and return it, if there is one."""
        lost, self._lost_at = self._lost(end, end_s), None
        return lost

    def _lost(self, end: float, end_s: float | None = None) -> list[Stretch]:
        """Return the stretch of lost input up to a wall-clock time, and one in the stream, if there is one."""
        if not self._lost_at or end <= self._lost_at[0]:
            return []
        start, start_s = self._lost_at
        end_s = start_s + end - start if end_s is None else max(start_s, end_s)
        return [Stretch(start, end, NO_INPUT, 1.0, start_s, end_s)]

    def _of(self, segments: list[Segment]) -> list[Stretch]:
        began = self._began
        return [
            Stretch(began + one.start_s, began + one.end_s, one.genre, one.confidence, one.start_s, one.end_s)
            for one in segments
        ]
