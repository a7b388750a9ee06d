"""A stream's chunks as steps that do not overlap, each with a probability for every label and for what is no music."""

import dataclasses
from typing import Literal

import numpy as np

Kind = Literal["music", "speech", "noise", "silence"]  # of a chunk
OTHERS: tuple[Literal["silence"], Literal["speech"], Literal["noise"]] = ("silence", "speech", "noise")


@dataclasses.dataclass(frozen=True, eq=False)
class Step:
    """A chunk's part of the stream.

    Attributes:
        start_s: Where its part begins: halfway between its middle and the one before it.
        end_s: Where the chunk ends.
        new_s: Seconds from the middle of the chunk before it to its own.
        share: How much of the chunk is new, 0 to 1: chunks that overlap repeat each other.
        confidences: Probability of each state in the chunk alone, shape (n_states,), with a sum of at most 1: the
            labels, then ``OTHERS``.
    """

    start_s: float
    end_s: float
    new_s: float
    share: float
    confidences: np.ndarray


class Steps:
    """Turns the chunks of a stream into steps.

    Args:
        n_labels: How many labels there are.
    """

    def __init__(self, n_labels: int):
        self.n_states = n_labels + len(OTHERS)
        self._middle_s: float | None = None

    def step(self, kind: Kind, probs: np.ndarray, start_s: float, end_s: float) -> Step:
        """Return a chunk as a step.

        Args:
            kind: ``music``, or one of ``OTHERS``.
            probs: Probability of each label where it is music, shape (n_labels,).
            start_s: Where the chunk starts in the stream, not before the one before it.
            end_s: Where it ends.
        """
        length_s, middle_s = end_s - start_s, (start_s + end_s) / 2
        is_first, before_s = self._middle_s is None, self._middle_s or 0.0
        new_s = length_s if is_first else max(1e-3, middle_s - before_s)
        self._middle_s = middle_s
        return Step(
            start_s=start_s if is_first else (middle_s + before_s) / 2,
            end_s=end_s,
            new_s=new_s,
            share=min(1.0, new_s / length_s),
            confidences=self._confidences(kind, probs),
        )

    def _confidences(self, kind: Kind, probs: np.ndarray) -> np.ndarray:
        if kind != "music":
            return np.eye(self.n_states)[OTHERS.index(kind) - len(OTHERS)]
        return np.append(probs / max(1.0, probs.sum()), np.zeros(len(OTHERS)))  # those of tags may sum to more than 1
