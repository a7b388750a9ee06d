"""Stretches of one genre in a stream, found in hindsight.

A step of Viterbi's path is decided when all candidate paths agree on it, some seconds later, which takes constant
memory for any length.
"""

import collections
import copy

import numpy as np

from genrestream.streaming.predictions import Prediction, Segment
from genrestream.voting.steps import OTHERS, Step, Steps
from genrestream.voting.viterbi import OnlineViterbi, Stickiness

# Chosen on medleys of tracks that the scored models were trained on: benchmarks/live.py.
HINDSIGHT = Stickiness(mean_s=10.0, floor=0.01, evidence=1.0)


class Segmenter:
    """Turns a stream's predictions into segments.

    Args:
        labels: The model's labels.
        stickiness: How hard it is to leave a genre.
    """

    def __init__(self, labels: tuple[str, ...], stickiness: Stickiness = HINDSIGHT):
        self._labels, self._names, self._stickiness = labels, (*labels, *OTHERS), stickiness
        self._begin()

    def push(self, prediction: Prediction) -> list[Segment]:
        """Take a chunk and return the segments that it ended."""
        probs = np.array([prediction.probs.get(label, 0.0) for label in self._labels])
        step = self._steps.step(prediction.kind, probs, prediction.start_s, prediction.end_s)
        self._waiting.append(step)
        return self._decide(self._path.push(self._stickiness.seen(step), self._stickiness.stay(step)))

    def flush(self) -> list[Segment]:
        """End the stream, or the part of it before a gap, and return the segments that were left."""
        segments = self._decide(self._path.flush())
        if self._n_steps:
            segments.append(self._segment(self._end_s))
        self._begin()
        return segments

    def rest(self) -> list[Segment]:
        """Return what ``flush`` would, and go on."""
        return copy.deepcopy(self).flush()

    def _begin(self) -> None:
        self._steps = Steps(len(self._labels))
        self._path = OnlineViterbi(len(self._names))
        self._waiting: collections.deque[Step] = collections.deque()
        self._state = self._n_steps = 0
        self._start_s = self._end_s = self._confidence_sum = 0.0

    def _decide(self, states: list[int]) -> list[Segment]:
        ended = []
        for state in states:
            step = self._waiting.popleft()
            if self._n_steps and state != self._state:
                ended.append(self._segment(step.start_s))
                self._n_steps = 0
            if not self._n_steps:
                self._state, self._start_s, self._confidence_sum = state, step.start_s, 0.0
            self._n_steps += 1
            self._confidence_sum += float(step.confidences[state])
            self._end_s = step.end_s
        return ended

    def _segment(self, end_s: float) -> Segment:
        return Segment(self._start_s, end_s, self._names[self._state], self._confidence_sum / self._n_steps)
