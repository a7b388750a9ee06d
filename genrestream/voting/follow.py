"""The vote that follows the music: Bayesian change-point detection (Adams & MacKay 2007, arXiv 0710.3742).

Each chunk may be the first of a new stretch. Such a *run* keeps the mean of what was seen since then, and is as likely
as the chunks are like its mean. A model that is wrong about a song is so for all of it: its chunks resemble each other,
so the song stays one stretch where evidence for each label by itself would not.
"""

import dataclasses
import math

import numpy as np

from genrestream.voting.steps import OTHERS, Kind, Steps
from genrestream.voting.vote import KindOrNothing, sharpened

LEAST = 1e-12
MAX_RUNS = 100  # the least probable one is dropped
LEFT = 0.38  # by how much one chunk falls short of a change, as a logarithm; at a hop of 1 s this limits nothing


@dataclasses.dataclass(frozen=True)
class Changes:
    """What makes a change probable.

    Attributes:
        mean_s: How long a stretch lasts on average, in seconds.
        prior: How many chunks the even distribution counts that a run starts with.
        evidence: What the likeness of a chunk to a run counts.
        limit: The most that one chunk may say for or against a run, as a logarithm.
        sharpness: See ``voting.vote.sharpened``; less than a model's own, since the answer is also wrong while a change
            goes unnoticed.
    """

    mean_s: float
    prior: float
    evidence: float
    limit: float
    sharpness: float


# Chosen on medleys of tracks that the scored models were trained on: benchmarks/live.py.
FOLLOW = Changes(mean_s=80.0, prior=0.1, evidence=8.0, limit=12.0, sharpness=0.2)


@dataclasses.dataclass(frozen=True, eq=False)
class _Runs:
    """The stretches that may be the present one; arrays with one row a run.

    Attributes:
        weights: Probability of each, shape (n_runs,).
        starts_s: Where each began, shape (n_runs,).
        sizes: How many chunks each has, overlaps counted once, shape (n_runs,).
        confidences: Their sums, shape (n_runs, n_states).
        n_votes: How many chunks voted, shape (n_runs,).
        probs: Sums of the ballots' probabilities, shape (n_runs, n_labels).
        counts: How many chunks chose each label, shape (n_runs, n_labels).
    """

    weights: np.ndarray
    starts_s: np.ndarray
    sizes: np.ndarray
    confidences: np.ndarray
    n_votes: np.ndarray
    probs: np.ndarray
    counts: np.ndarray

    @classmethod
    def none(cls, n_labels: int, n_states: int) -> "_Runs":
        """Return no runs."""
        no, of_labels = np.zeros(0), np.zeros((0, n_labels))
        return cls(no, no, no, np.zeros((0, n_states)), no, of_labels, of_labels)

    def without_least(self) -> "_Runs":
        """Return the runs without the least probable one; the newest stays."""
        least = 1 + int(self.weights[1:].argmin())
        return _Runs(**{name: np.delete(array, least, axis=0) for name, array in vars(self).items()})


class Follow:
    """How probable each label is now; chunks from before a change stop counting.

    Args:
        n_labels: Labels that are voted on.
        changes: What makes a change probable.
        is_exclusive: Whether one label holds at a time; of tags several do.

    Attributes:
        since_s: Since when the most probable label, or what is there instead of music, is so, in seconds of the stream;
            None before the first chunk.
        counts: How many chunks chose each label since then, shape (n_labels,); zeros where no music plays.
        n_votes: How many chunks voted since then; 0 where no music plays.
    """

    def __init__(self, n_labels: int, changes: Changes = FOLLOW, is_exclusive: bool = True):
        self._n_labels, self._changes, self._is_exclusive = n_labels, changes, is_exclusive
        self.interrupt()

    def interrupt(self) -> None:
        """Forget all: after lost input, what comes need not be what was."""
        self._steps = Steps(self._n_labels)
        self._runs: _Runs | None = None
        self._was_silent = False
        self._answer = -1
        self.since_s: float | None = None
        self.counts, self.n_votes = np.zeros(self._n_labels, int), 0

    def add(self, kind: Kind, probs: np.ndarray, chosen: np.ndarray, start_s: float, end_s: float) -> None:
        """Count one chunk; see ``Vote.add``."""
        step = self._steps.step(kind, probs, start_s, end_s)
        confidences = step.confidences / max(LEAST, step.confidences.sum())  # those of tags may sum to less than 1
        is_silent, is_music = kind == "silence", kind == "music"
        if is_silent != self._was_silent:
            self._runs = None  # silence is measured, not guessed
        self._was_silent = is_silent
        runs = self._runs or _Runs.none(self._n_labels, len(step.confidences))
        change = 1 - math.exp(-step.new_s / self._changes.mean_s) if self._runs else 1.0
        likeness = self._likeness(runs, confidences) * step.share
        if kind in ("speech", "noise"):
            most = self._most_of_other(change, step.new_s)
            likeness = np.clip(likeness, -most, most)
        likely = np.exp(likeness)
        weights = np.append(change, (1 - change) * runs.weights * likely)
        runs = _Runs(
            weights / weights.sum(),
            np.append(step.start_s, runs.starts_s),
            _grown(runs.sizes, step.share),
            _grown(runs.confidences, step.share * confidences),
            _grown(runs.n_votes, float(is_music)),
            _grown(runs.probs, probs if is_music else 0.0),
            _grown(runs.counts, chosen if is_music else 0.0),
        )
        self._runs = runs.without_least() if len(runs.weights) > MAX_RUNS else runs
        self._count(chosen if is_music else np.zeros(self._n_labels, int), int(is_music))

    @staticmethod
    def _most_of_other(change: float, new_s: float) -> float:
        """Return the most that a chunk of speech or noise may say, as a logarithm.

        After 6 s of music, such a chunk alone does not take the answer back, whatever the hop. With a longer hop a
        change is likelier before the chunk is seen, and fewer chunks of music stand against it; so it may say less.
        """
        return max(0.0, -math.log(change) - LEFT - math.log(max(1.0, new_s)))

    def _count(self, chosen: np.ndarray, n_votes: int) -> None:
        """Count a chunk for the answer that holds; a new one began where the most probable run did."""
        assert self._runs
        kind, probs = self.kind, self.probs
        answer = int(probs.argmax()) if kind == "music" else -2 - OTHERS.index(kind)
        if answer == self._answer:
            self.counts, self.n_votes = self.counts + chosen * (answer >= 0), self.n_votes + n_votes * (answer >= 0)
            return
        best = int(self._runs.weights.argmax())
        self._answer, self.since_s = answer, float(self._runs.starts_s[best])
        self.counts = self._runs.counts[best].astype(int) * (answer >= 0)
        self.n_votes = int(self._runs.n_votes[best]) * (answer >= 0)

    def _likeness(self, runs: _Runs, confidences: np.ndarray) -> np.ndarray:
        """Return how much better each run explains a chunk than a new stretch does, as a logarithm; (n_runs,)."""
        n_states, prior = len(confidences), self._changes.prior
        means = (runs.confidences + prior / n_states) / (runs.sizes + prior)[:, None]
        expected = n_states * means @ confidences
        likeness = self._changes.evidence * np.log(np.maximum(LEAST, expected))
        return np.clip(likeness, -self._changes.limit, self._changes.limit)

    @property
    def kind(self) -> KindOrNothing:
        """What plays now: music, or what is there instead of it."""
        if self._runs is None:
            return "nothing"
        now = self._runs.weights @ (self._runs.confidences / self._runs.sizes[:, None])
        others = now[self._n_labels :]
        return "music" if now[: self._n_labels].sum() >= others.max() else OTHERS[int(others.argmax())]

    @property
    def probs(self) -> np.ndarray:
        """How probable each label is now, shape (n_labels,); zeros where no music plays."""
        if self._runs is None or self.kind != "music":
            return np.zeros(self._n_labels)
        runs = self._runs
        weights = runs.weights * (runs.n_votes > 0)
        probs = weights @ (runs.probs / np.maximum(1, runs.n_votes)[:, None]) / weights.sum()
        if not self._is_exclusive:
            return probs
        return sharpened(probs, float(weights @ runs.sizes / weights.sum()), self._changes.sharpness)

    def __str__(self) -> str:
        return "follow"


def _grown(sums: np.ndarray, new: np.ndarray | float) -> np.ndarray:
    """Return the sums of all runs and, before them, of a new one, each with a chunk more."""
    return np.concatenate([np.zeros((1, *sums.shape[1:])), sums]) + new
