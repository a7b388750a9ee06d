"""The vote that follows the music: evidence from before a change stops counting."""

import numpy as np

from genrestream.voting.steps import OTHERS, Steps, Stickiness
from genrestream.voting.vote import KindOrNothing

FOLLOW = Stickiness(mean_s=30.0, floor=0.005, evidence=0.8)


class Follow:
    """The forward filter of a hidden Markov model: how probable each label is now, given all chunks so far.

    For each state it keeps when the stretch began that would end in it now, and what was voted since then.

    Args:
        n_labels: Labels that are voted on.
        is_exclusive: Whether one label holds at a time. Otherwise (tags) the filter finds the changes, and a label's
            probability is its mean since the last one.
        stickiness: How hard it is to leave a state.
    """

    rule = "follow"

    def __init__(self, n_labels: int, is_exclusive: bool = True, stickiness: Stickiness = FOLLOW):
        self._n_labels, self._is_exclusive, self._stickiness = n_labels, is_exclusive, stickiness
        self.interrupt()

    def interrupt(self) -> None:
        """Forget all: after lost input, what comes need not be what was."""
        self._steps = Steps(self._n_labels, self._stickiness)
        n_states = self._steps.n_states
        self._weights = np.full(n_states, 1 / n_states)  # probability of each state, given all chunks so far
        self._since_s = np.zeros(n_states)
        self._chosen = np.zeros((n_states, self._n_labels), int)
        self._sums = np.zeros((n_states, self._n_labels))
        self._n_of = np.zeros((n_states, 1 + len(OTHERS)), int)  # music, then OTHERS

    def add(self, kind: str, probs: np.ndarray, chosen: np.ndarray, start_s: float, end_s: float) -> None:
        """Count one chunk; see ``Vote.add``."""
        step = self._steps.step(kind, probs, start_s, end_s)
        switch = (1 - step.stay) / (len(self._weights) - 1)
        stayed = step.stay * self._weights
        switched = switch * (self._weights.sum() - self._weights)
        is_new = (switched > stayed) | (self._n_of.sum(axis=1) == 0)
        self._since_s[is_new] = step.start_s
        for kept in (self._chosen, self._sums, self._n_of):
            kept[is_new] = 0
        weights = (stayed + switched) * np.exp(step.seen - step.seen.max())
        self._weights = weights / weights.sum()
        if kind == "music":
            self._chosen += chosen
            self._sums += probs
            self._n_of[:, 0] += 1
        else:
            self._n_of[:, 1 + OTHERS.index(kind)] += 1

    @property
    def _state(self) -> int:
        return int(self._weights.argmax())

    @property
    def kind(self) -> KindOrNothing:
        """What plays now: music, or what is there instead of it."""
        if not self._n_of.any():
            return "nothing"
        return "music" if self._state < self._n_labels else OTHERS[self._state - self._n_labels]

    @property
    def since_s(self) -> float | None:
        """Where the present stretch began, in seconds of the stream; None before the first chunk."""
        return float(self._since_s[self._state]) if self._n_of.any() else None

    @property
    def counts(self) -> np.ndarray:
        """How many chunks of the present stretch chose each label, shape (n_labels,); zeros where it is not music."""
        return self._chosen[self._state] * (self.kind == "music")

    @property
    def n_votes(self) -> int:
        """How many chunks of the present stretch voted; 0 where it is not music."""
        return int(self._n_of[self._state, 0]) * (self.kind == "music")

    @property
    def probs(self) -> np.ndarray:
        """How probable each label is now, shape (n_labels,); zeros where no music plays."""
        if self.kind != "music":
            return np.zeros(self._n_labels)
        if self._is_exclusive:
            return self._weights[: self._n_labels] / self._weights[: self._n_labels].sum()
        return self._sums[self._state] / max(1, self.n_votes)

    def __str__(self) -> str:
        return self.rule
