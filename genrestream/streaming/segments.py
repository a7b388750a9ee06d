"""Stretches of one genre in a mix, by a hidden Markov model that rarely changes its state.

The states are the labels, silence, speech and noise. A state lasts ``MEAN_SEGMENT_S`` on average and then changes to
any other state with the same probability; a state's observation is the classifier's probability of its label (Rabiner
1989, doi 10.1109/5.18626). Chunks that overlap repeat each other, so a chunk counts by the share of it that is new.
Live, the forward filter decides at once. For a file, a step of Viterbi's path is decided when all candidate
paths agree on it, which takes constant memory for any length.
"""

import collections
import dataclasses
import math

import numpy as np

from genrestream.streaming.predictions import Prediction, Segment

# Both chosen on medleys of the validation tracks (benchmarks/segments.py --choose), whose segments last 26 s.
MEAN_SEGMENT_S = 10.0
FLOOR = 0.002  # the least probability of a label in a chunk: one chunk alone must not end a segment
MAX_UNDECIDED = 2000  # chunks; where the candidates never agree, the best of them decides the oldest half
OTHERS = ("silence", "speech", "noise")


class ForwardFilter:
    """Decides each step at once, from the steps so far."""

    def __init__(self, n_states: int):
        self._scores = np.zeros(n_states)

    def push(self, seen: np.ndarray, stay: float) -> list[int]:
        """Take a step's log-likelihoods, shape (n_states,), and return its state.

        Args:
            seen: Log-likelihood of the step in each state.
            stay: Probability that the state is the same as in the previous step.
        """
        before = np.exp(self._scores - self._scores.max())
        switch = (1 - stay) / (len(before) - 1)
        self._scores = np.log((stay - switch) * before + switch * before.sum()) + seen
        return [int(self._scores.argmax())]

    def flush(self) -> list[int]:
        """Every step is decided already."""
        return []


class OnlineViterbi:
    """Decides the most probable path up to the step that later steps could still change.

    Args:
        n_states: How many states there are.
        max_undecided: With more undecided steps than this, the oldest half is decided by the best path.
    """

    def __init__(self, n_states: int, max_undecided: int = MAX_UNDECIDED):
        self._scores = np.zeros(n_states)
        # For each undecided step, the best previous state of each state.
        self._came_from: collections.deque[np.ndarray] = collections.deque()
        self._max_undecided = max_undecided

    def push(self, seen: np.ndarray, stay: float) -> list[int]:
        """Take a step's log-likelihoods, shape (n_states,), and return the states now decided, oldest first."""
        n_states = len(self._scores)
        switched = self._scores.max() + math.log((1 - stay) / (n_states - 1))
        stayed = self._scores + math.log(stay)
        self._came_from.append(np.where(stayed >= switched, np.arange(n_states), self._scores.argmax()))
        self._scores = np.maximum(stayed, switched) + seen
        self._scores -= self._scores.max()
        return self._agreed()

    def flush(self) -> list[int]:
        """End the stream and return the states of the steps that were undecided."""
        path = self._path(int(self._scores.argmax()), len(self._came_from))
        self._came_from.clear()
        return path

    def _agreed(self) -> list[int]:
        """Return the part of the path that all candidates share, and forget it."""
        states = np.arange(len(self._scores))
        for n_kept, came_from in enumerate(reversed(self._came_from), 1):
            states = came_from[states]
            if n_kept < len(self._came_from) and (states == states[0]).all():
                return self._forget(self._path(int(states[0]), len(self._came_from) - n_kept))
        if len(self._came_from) <= self._max_undecided:
            return []
        return self._forget(self._path(int(self._scores.argmax()), len(self._came_from))[: self._max_undecided // 2])

    def _path(self, state: int, n_steps: int) -> list[int]:
        """Return the states of the oldest ``n_steps`` undecided steps; the last of them is in ``state``."""
        path = [state] if n_steps else []
        for step in range(n_steps - 1, 0, -1):
            path.append(int(self._came_from[step][path[-1]]))
        return path[::-1]

    def _forget(self, path: list[int]) -> list[int]:
        for _ in path:
            self._came_from.popleft()
        return path


@dataclasses.dataclass(frozen=True, eq=False)
class _Step:
    """A chunk without a state yet: the start of its part of the stream, the chunk's end, and its probabilities."""

    start_s: float
    end_s: float
    confidences: np.ndarray


class Segmenter:
    """Turns a stream's predictions into segments.

    Args:
        labels: The model's labels.
        is_live: Whether to decide at once (forward filter) rather than in hindsight (Viterbi).
        mean_segment_s: How long a state lasts on average, in seconds.
        floor: The least probability that a chunk gives any label.
    """

    def __init__(
        self, labels: tuple[str, ...], is_live: bool, mean_segment_s: float = MEAN_SEGMENT_S, floor: float = FLOOR
    ):
        self._names = (*labels, *OTHERS)
        self._is_live, self._mean_segment_s, self._floor = is_live, mean_segment_s, floor
        self._begin()

    def push(self, prediction: Prediction) -> list[Segment]:
        """Take a chunk and return the segments that it ended."""
        confidences = self._confidences(prediction)
        centre_s = (prediction.start_s + prediction.end_s) / 2
        length_s = prediction.end_s - prediction.start_s
        new_s = length_s if self._centre_s is None else max(1e-3, centre_s - self._centre_s)
        start_s = prediction.start_s if self._centre_s is None else (centre_s + self._centre_s) / 2
        self._centre_s = centre_s
        self._waiting.append(_Step(start_s, prediction.end_s, confidences))
        seen = np.log(np.maximum(confidences, self._floor)) * min(1.0, new_s / length_s)
        stay = max(math.exp(-new_s / self._mean_segment_s), 2 / len(self._names))
        return self._decide(self._path.push(seen, stay))

    def flush(self) -> list[Segment]:
        """End the stream, or the part of it before a gap, and return the segments that were left."""
        segments = self._decide(self._path.flush())
        if self._n_steps:
            segments.append(self._segment(self._end_s))
        self._begin()
        return segments

    def _begin(self) -> None:
        self._path = (ForwardFilter if self._is_live else OnlineViterbi)(len(self._names))
        self._waiting: collections.deque[_Step] = collections.deque()
        self._centre_s: float | None = None
        self._state = self._n_steps = 0
        self._start_s = self._end_s = self._confidence_sum = 0.0

    def _confidences(self, prediction: Prediction) -> np.ndarray:
        if prediction.kind != "music":
            return np.eye(len(self._names))[self._names.index(prediction.kind, -len(OTHERS))]
        probs = np.array([*prediction.probs.values(), *(0.0 for _ in OTHERS)])
        return probs / max(1.0, probs.sum())  # the tag probabilities of a tag model may sum to more than 1

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
