"""What comes out: a typed prediction for each chunk and a verdict for a whole stream."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from genrestream.audio.reading.ending import Ending
from genrestream.voting.steps import Kind
from genrestream.voting.vote import KindOrNothing

State = Literal[KindOrNothing, "mix", "unsure"]


@dataclasses.dataclass(frozen=True)
class Segment:
    """A stretch of one genre, or of silence, speech, noise or lost input.

    Attributes:
        start_s: Where it starts in the stream, in seconds.
        end_s: Where it ends.
        genre: The label, or ``silence``, ``speech``, ``noise`` or ``no input``.
        confidence: For a label, its mean probability over the chunks, 0 to 1; for the others, the share of chunks that
            are of that kind; 1 for lost input.
    """

    start_s: float
    end_s: float
    genre: str
    confidence: float

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, ready for JSON, times in seconds rounded to a millisecond."""
        return {
            "start": round(self.start_s, 3),
            "end": round(self.end_s, 3),
            "genre": self.genre,
            "confidence": round(self.confidence, 4),
        }


@dataclasses.dataclass(frozen=True)
class Decision:
    """What the vote says at one moment.

    Attributes:
        state: ``music`` where it names a genre, ``mix`` where a whole stream is of several genres one after another,
            ``unsure`` where no running probability reaches the minimum, ``nothing`` before the first chunk. With the
            follow vote ``speech``, ``noise`` and ``silence`` are what is on now. With the others, and in a verdict, the
            stream is ``silence`` where less than a tenth of its chunks have sound, and ``speech`` or ``noise`` where
            less than a quarter of those with sound are music.
        genres: The named labels, most probable first: one of a genre model, any number of a tag model, those of a mix
            with the longest first; none in the other states. A label with a parent is ``rock › punk``, here and
            everywhere, and then ``rock`` is not named as well.
        probs: Running probability of each label, 0 to 1, calibrated.
        votes: How many chunks chose each label; with the follow vote since ``since_s``, with the decay vote in the last
            four half-lives.
        n_votes: How many chunks voted, over the same time.
        rule: The vote's rule.
        since_s: With the follow vote: when the music that the answer is about began, in seconds of the stream;
            ``votes`` are counted from there.
    """

    state: State
    genres: tuple[str, ...]
    probs: dict[str, float]
    votes: dict[str, int]
    n_votes: int
    rule: str
    since_s: float | None = None

    @property
    def genre(self) -> str:
        """The named label or labels in words, or the state where there is none."""
        return " + ".join(self.genres) or self.state

    @property
    def probability(self) -> float:
        """Running probability of the leader, 0 to 1."""
        return self.probs[self.leader]

    @property
    def leader(self) -> str:
        """The label that is named first; where none is, the most probable one."""
        return self.genres[0] if self.genres else max(self.probs, key=self.probs.__getitem__)

    def ranked(self, n: int | None = None) -> list[tuple[str, float]]:
        """Return the ``n`` most probable labels with their running probabilities."""
        return sorted(self.probs.items(), key=lambda item: -item[1])[:n]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, ready for JSON, rounded to 6 digits, without labels that have no vote."""
        return {
            "state": self.state,
            "genres": list(self.genres),
            "probs": _rounded(self.probs),
            "votes": {label: count for label, count in self.votes.items() if count},
            "n_votes": self.n_votes,
            "rule": self.rule,
            "since_s": None if self.since_s is None else round(self.since_s, 6),
        }


@dataclasses.dataclass(frozen=True)
class Prediction:
    """One chunk, and what the vote says after it.

    Attributes:
        start_s: Where it starts in the stream, in seconds.
        end_s: Where its part of the stream ends, in seconds.
        padded_s: Seconds of it that repeat the piece, where less than a chunk was left.
        level_db: Its loudness (RMS) in dB below full scale, -120 at the least.
        probs: Probability of each label in this chunk alone; empty where it is no music.
        chosen: The labels that it votes for, without the parents of others among them; none where it is no music.
        running: What the vote says now.
        kind: What the chunk is: ``music``, which alone votes, ``speech``, ``noise`` or ``silence``.
        time: Of a live run: when its last sample was captured, with the local zone.
        title: What a radio station says is playing; empty where nobody says it.
    """

    start_s: float
    end_s: float
    padded_s: float
    level_db: float
    probs: dict[str, float]
    chosen: tuple[str, ...]
    running: Decision
    kind: Kind = "music"
    time: datetime | None = None
    title: str = ""

    @property
    def is_silence(self) -> bool:
        """Whether the chunk was silence and did not vote."""
        return self.kind == "silence"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, ready for JSON: ``time`` in ISO 8601, numbers rounded to 6 digits."""
        return {
            "start_s": round(self.start_s, 6),
            "end_s": round(self.end_s, 6),
            "time": iso(self.time),
            "title": self.title,
            "padded_s": round(self.padded_s, 6),
            "level_db": round(self.level_db, 2),
            "kind": self.kind,
            "silence": self.is_silence,
            "chosen": list(self.chosen),
            "probs": _rounded(self.probs),
            "running": self.running.to_dict(),
        }


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A whole stream, or the part of it that was processed.

    Attributes:
        source: The stream's name: a path, an address, a device.
        model: The model's name.
        final: What the vote says at the end.
        duration_s: Seconds processed, those dropped included.
        dropped_s: Seconds at the end that were too short for a chunk.
        n_chunks: Chunks classified or found silent.
        n_silent: Chunks among them that were silent.
        n_speech: Chunks among them that were speech.
        n_noise: Chunks among them that were noise: neither music nor speech.
        padded_s: Seconds by which the last piece was repeated.
        problems: What was wrong with the data, one line each; empty where all was well.
        notes: Remarks about the input that are not errors, such as channels in antiphase, one line each.
        ending: How a file or network stream ended, and what of it was damaged; ``problems`` says so in words.
        segments: The stretches of one genre, of silence, speech or noise, and of lost input, in order; of a long run
            the last thousand.
        seconds: How long each genre lasted, silence, speech, noise and lost input (``no input``), the longest first.
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
    n_speech: int = 0
    n_noise: int = 0
    ending: Ending | None = None
    segments: tuple[Segment, ...] = ()
    seconds: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def genre(self) -> str:
        """The genre in words, or the state where none is named."""
        return self.final.genre

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, ready for JSON, times and probabilities rounded to 6 digits."""
        return {
            "source": self.source,
            "model": self.model,
            **self.final.to_dict(),
            "duration_s": round(self.duration_s, 6),
            "dropped_s": round(self.dropped_s, 6),
            "padded_s": round(self.padded_s, 6),
            "n_chunks": self.n_chunks,
            "n_silent": self.n_silent,
            "n_speech": self.n_speech,
            "n_noise": self.n_noise,
            "ending": str(self.ending.kind) if self.ending else None,
            "problems": list(self.problems),
            "notes": list(self.notes),
            "segments": [segment.to_dict() for segment in self.segments],
            "seconds": {name: round(seconds, 3) for name, seconds in self.seconds.items()},
        }


def iso(time: datetime | None) -> str | None:
    """Return a time in ISO 8601 to a millisecond, with its zone."""
    return None if time is None else time.isoformat(timespec="milliseconds")


def _rounded(probs: Mapping[str, float]) -> dict[str, float]:
    return {label: round(prob, 6) for label, prob in probs.items()}
