"""What a stream was so far: its stretches, how long each genre lasted, and whether it is a mix of several."""

import collections
from collections.abc import Iterable

from genrestream.streaming.predictions import Prediction, Segment
from genrestream.streaming.segments import Segmenter
from genrestream.voting.steps import OTHERS

MAX_SEGMENTS = 1000  # that are kept of a long run
NO_INPUT = "no input"
NO_GENRE = (*OTHERS, NO_INPUT)  # what is counted beside the labels
# A stream is a mix where two genres each have a stretch as long and as clear as this (docs/results.md).
MIX_S, MIX_CONFIDENCE = 12.0, 0.6


class History:
    """Collects the stretches of a stream.

    Args:
        labels: The model's labels.
    """

    def __init__(self, labels: tuple[str, ...]):
        self._segmenter = Segmenter(labels)
        self._segments = collections.deque[Segment](maxlen=MAX_SEGMENTS)
        self._seconds = collections.defaultdict[str, float](float)
        self._genres = set[str]()  # that have a stretch long and clear enough for a mix

    def push(self, prediction: Prediction) -> None:
        """Take a chunk."""
        self._keep(self._segmenter.push(prediction))

    def skip(self, start_s: float, lost_s: float) -> None:
        """Take a gap of so many seconds."""
        self._keep(self._segmenter.flush())
        self._keep([Segment(start_s, start_s + lost_s, NO_INPUT, 1.0)])

    def ended(self) -> "History":
        """Return the history as it is if the stream ends now."""
        other = History(())
        other._segments, other._seconds, other._genres = self._segments.copy(), self._seconds.copy(), set(self._genres)
        other._keep(self._segmenter.rest())
        return other

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The last thousand stretches, oldest first."""
        return tuple(self._segments)

    @property
    def seconds(self) -> dict[str, float]:
        """How long each genre, silence, speech, noise and lost input lasted, the longest first."""
        return dict(sorted(self._seconds.items(), key=lambda item: -item[1]))

    @property
    def mix(self) -> tuple[str, ...]:
        """The genres of a mix, the longest first; empty where the stream is not one."""
        return tuple(name for name in self.seconds if name in self._genres) if len(self._genres) > 1 else ()

    def _keep(self, segments: Iterable[Segment]) -> None:
        for segment in segments:
            self._segments.append(segment)
            length_s = segment.end_s - segment.start_s
            self._seconds[segment.genre] += length_s
            if segment.genre not in NO_GENRE and length_s >= MIX_S and segment.confidence >= MIX_CONFIDENCE:
                self._genres.add(segment.genre)
