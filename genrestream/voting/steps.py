"""A stream's chunks as the steps of a hidden Markov model that rarely changes its state.

The states are the labels, silence, speech and noise. A state lasts a certain time on average and then changes to any
other state with the same probability; a state's observation is the classifier's probability of its label (Rabiner
1989, doi 10.1109/5.18626). Chunks that overlap repeat each other, so a chunk counts by the share of it that is new.
Silence is measured, not guessed: a silent chunk is silence, and no other is.
"""

import dataclasses
import math
from typing import Literal

import numpy as np

SURE = 20.0  # log-likelihood by which silence is told from all else
OTHERS: tuple[Literal["silence"], Literal["speech"], Literal["noise"]] = ("silence", "speech", "noise")


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


@dataclasses.dataclass(frozen=True, eq=False)
class Step:
    """A chunk's part of the stream.

    Attributes:
        start_s: Where its part begins: halfway between its middle and the one before it.
        end_s: Where the chunk ends.
        confidences: Probability of each state in the chunk alone, shape (n_states,).
        seen: Log-likelihood of the chunk in each state, shape (n_states,).
        stay: Probability that the state is the one of the step before.
    """

    start_s: float
    end_s: float
    confidences: np.ndarray
    seen: np.ndarray
    stay: float


class Steps:
    """Turns the chunks of a stream into steps.

    Args:
        n_labels: How many labels there are; the states are the labels, then ``OTHERS``.
        stickiness: How hard it is to leave a state.
    """

    def __init__(self, n_labels: int, stickiness: Stickiness):
        self.n_states = n_labels + len(OTHERS)
        self._stickiness, self._silence = stickiness, n_labels + OTHERS.index("silence")
        self._middle_s: float | None = None

    def step(self, kind: str, probs: np.ndarray, start_s: float, end_s: float) -> Step:
        """Return a chunk as a step.

        Args:
            kind: ``music``, or one of ``OTHERS``.
            probs: Probability of each label where it is music, shape (n_labels,).
            start_s: Where the chunk starts in the stream, not before the one before it.
            end_s: Where it ends.
        """
        sticky, length_s, middle_s = self._stickiness, end_s - start_s, (start_s + end_s) / 2
        is_first, before_s = self._middle_s is None, self._middle_s or 0.0
        new_s = length_s if is_first else max(1e-3, middle_s - before_s)
        self._middle_s = middle_s
        confidences = self._confidences(kind, probs)
        seen = np.log(np.maximum(confidences, sticky.floor)) * min(1.0, new_s / length_s) * sticky.evidence
        seen[self._silence] = 0.0 if kind == "silence" else seen.max() - SURE
        if kind == "silence":
            seen[: self._silence] = seen[self._silence + 1 :] = -SURE
        return Step(
            start_s=start_s if is_first else (middle_s + before_s) / 2,
            end_s=end_s,
            confidences=confidences,
            seen=seen,
            stay=max(math.exp(-new_s / sticky.mean_s), 2 / self.n_states),
        )

    def _confidences(self, kind: str, probs: np.ndarray) -> np.ndarray:
        if kind != "music":
            return np.eye(self.n_states)[OTHERS.index(kind) - len(OTHERS)]
        return np.append(probs / max(1.0, probs.sum()), np.zeros(len(OTHERS)))  # those of tags may sum to more than 1
