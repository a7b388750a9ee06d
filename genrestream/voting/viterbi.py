"""The most probable path of a hidden Markov model that rarely changes its state, decided while its steps come.

A state lasts a certain time on average and then changes to any other state with the same probability; a state's
observation is the classifier's probability of its label (Rabiner 1989, doi 10.1109/5.18626). Silence is measured, not
guessed: a silent chunk is silence, and no other is.
"""

import collections
import dataclasses
import math

import numpy as np

from genrestream.voting.steps import OTHERS, Step

MAX_UNDECIDED = 2000  # steps; where the candidates never agree, the best of them decides the oldest half
SURE = 20.0  # log-likelihood between silence and all else


@dataclasses.dataclass(frozen=True)
class Stickiness:
    """How hard it is to leave a state.

    Attributes:
        mean_s: How long a state lasts on average, in seconds.
        floor: The least probability that a chunk gives any label: one chunk alone must not end a stretch.
        evidence: What a chunk's evidence counts, 1 as much as if chunks were independent of each other.
    """

    mean_s: float
    floor: float
    evidence: float

    def seen(self, step: Step) -> np.ndarray:
        """Return the log-likelihood of a step in each state, shape (n_states,)."""
        n_states = len(step.confidences)
        silence = n_states - len(OTHERS) + OTHERS.index("silence")
        is_silence = np.arange(n_states) == silence
        if step.confidences[silence]:
            return np.where(is_silence, 0.0, -SURE)
        seen = np.log(np.maximum(step.confidences, self.floor)) * step.share * self.evidence
        return np.where(is_silence, -SURE, seen)

    def stay(self, step: Step) -> float:
        """Return the probability that a step's state is the one before it."""
        return max(math.exp(-step.new_s / self.mean_s), 2 / len(step.confidences))


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
