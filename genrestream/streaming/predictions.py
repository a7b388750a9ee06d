"""What comes out: a typed prediction for each chunk and a verdict for a whole stream."""

import dataclasses
from typing import Literal

State = Literal["music", "unsure", "silence"]


@dataclasses.dataclass(frozen=True)
class Decision:
    """What the vote says at one moment.

    Attributes:
        state: ``music`` where it names a genre, ``unsure`` where no running probability reaches the minimum,
            ``silence`` where nothing was loud enough to vote.
        genres: The named labels, most probable first: one of a genre model, any number of a tag model, none
            unless ``state`` is ``music``.
        probs: Running probability of each label, 0 to 1, calibrated.
        votes: How many chunks chose each label; by the decay vote, of those of the last four half-lives.
        n_votes: How many chunks voted, likewise.
        rule: The vote's rule.
    """

    state: State
    genres: tuple[str, ...]
    probs: dict[str, float]
    votes: dict[str, int]
    n_votes: int
    rule: str

    @property
    def genre(self) -> str:
        """The named label or labels in words, or the state where there is none."""
        return " + ".join(self.genres) or self.state

    @property
    def probability(self) -> float:
        """Running probability of the most probable label, 0 to 1."""
        return max(self.probs.values())

    @property
    def leader(self) -> str:
        """The most probable label, whether or not it is probable enough to be named."""
        return max(self.probs, key=self.probs.__getitem__)

    def ranked(self, n: int | None = None) -> list[tuple[str, float]]:
        """Return the ``n`` most probable labels with their running probabilities."""
        return sorted(self.probs.items(), key=lambda item: -item[1])[:n]


@dataclasses.dataclass(frozen=True)
class Prediction:
    """One chunk, and what the vote says after it.

    Attributes:
        start_s: Where it starts in the stream, in seconds.
        end_s: Where what it heard of the stream ends.
        padded_s: Seconds of it that repeat the piece, where less than a chunk was left.
        level_db: Its loudness (RMS) in dB below full scale, -120 at the least.
        probs: Probability of each label in this chunk alone; empty in silence.
        chosen: The labels that it votes for; none in silence.
        running: What the vote says now.
    """

    start_s: float
    end_s: float
    padded_s: float
    level_db: float
    probs: dict[str, float]
    chosen: tuple[str, ...]
    running: Decision

    @property
    def is_silence(self) -> bool:
        """Whether the chunk was under the loudness floor and did not vote."""
        return not self.probs


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A whole stream, or as much of it as was heard.

    Attributes:
        source: What was listened to.
        model: The model's name.
        final: What the vote says at the end.
        duration_s: Seconds heard, those dropped included.
        dropped_s: Seconds at the end that were too short for a chunk.
        n_chunks: Chunks classified or found silent.
        n_silent: Chunks among them that were silent.
        padded_s: Seconds by which the last piece was repeated.
        problems: What was wrong with the data, one line each; empty where all was well.
        notes: What is worth knowing of the input and is no fault, such as channels in antiphase, one line each.
    """

    source: str
    model: str
    final: Decision
    duration_s: float
    dropped_s: float
    n_chunks: int
    n_silent: int
    padded_s: float
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def genre(self) -> str:
        """The genre in words, or ``unsure`` or ``silence``."""
        return self.final.genre
