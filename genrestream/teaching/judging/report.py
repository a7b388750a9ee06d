"""The figures of a taught model: what is right, by genre and in all, with intervals that are honest for few songs."""

import dataclasses
from typing import Any

import numpy as np
from scipy.stats import binomtest

from genrestream.teaching.judging.mislabelled import Doubt, doubts
from genrestream.teaching.judging.scoring import Examples, Score, score, unknown_probs
from genrestream.teaching.judging.thresholds import threshold, thresholds_of


@dataclasses.dataclass(frozen=True)
class Share:
    """A share of songs, with its 95 % interval by Wilson: of 7 right of 7, 0.65 to 1.

    Attributes:
        n_right: How many.
        n: Of how many.
    """

    n_right: int
    n: int

    @property
    def value(self) -> float:
        """The share, 0 to 1; 0 of no songs."""
        return self.n_right / max(1, self.n)

    @property
    def interval(self) -> tuple[float, float]:
        """The ends of the interval."""
        if not self.n:
            return 0.0, 1.0
        ends = binomtest(self.n_right, self.n).proportion_ci(method="wilson")
        return float(ends.low), float(ends.high)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.2f} ({low:.2f} to {high:.2f}; {self.n_right} of {self.n})"


@dataclasses.dataclass(frozen=True, eq=False)
class Report:
    """How good a taught model is, by songs of artists and albums that it was not fitted to.

    Attributes:
        genres: Its genres.
        names: The songs.
        has: Whether each song has each genre, boolean, shape (n_songs, n_genres).
        probs: Held-out probabilities, shape (n_songs, n_genres).
        multi_label: Whether a song may have several genres.
        held_out: What was held out together, in words; empty where it was single songs.
        n_folds: In how many parts songs were held out.
        strength: Of the penalty that was chosen.
        temperature: That calibrates it.
        sharpness: See ``voting.vote.sharpened``.
        min_probability: Under it the answer is unsure.
        thresholds: Those of tags, by genre.
        unknown: Probability of the best genre for music of no known genre, shape (n_songs,); may be empty.
        doubts: Labels that look wrong, the least likely first.
    """

    genres: tuple[str, ...]
    names: tuple[str, ...]
    has: np.ndarray
    probs: np.ndarray
    multi_label: bool
    held_out: str
    n_folds: int
    strength: float
    temperature: float
    sharpness: float
    min_probability: float
    thresholds: dict[str, float]
    unknown: np.ndarray
    doubts: tuple[Doubt, ...]

    @property
    def answers(self) -> np.ndarray:
        """The answer for each song, boolean, shape (n_songs, n_genres): its most probable genre, or its tags."""
        if self.multi_label:
            return self.probs >= [self.thresholds[genre] for genre in self.genres]
        return np.arange(len(self.genres)) == self.probs.argmax(axis=1)[:, None]

    @property
    def right(self) -> np.ndarray:
        """Whether the answer for each song is right; of tags, whether all are; shape (n_songs,)."""
        return (self.answers == self.has).all(axis=1)

    @property
    def accuracy(self) -> Share:
        """How many songs are answered rightly."""
        return Share(int(self.right.sum()), len(self.right))

    @property
    def recall(self) -> dict[str, Share]:
        """How many songs of each genre are called so."""
        found = (self.answers & self.has).sum(axis=0)
        counts = self.has.sum(axis=0)
        return {genre: Share(int(n), int(of)) for genre, n, of in zip(self.genres, found, counts, strict=True)}

    @property
    def precision(self) -> dict[str, Share]:
        """How many songs that are called a genre are of it."""
        found = (self.answers & self.has).sum(axis=0)
        counts = self.answers.sum(axis=0)
        return {genre: Share(int(n), int(of)) for genre, n, of in zip(self.genres, found, counts, strict=True)}

    @property
    def named(self) -> Share:
        """How many held-out songs are named, rightly or not; the answer for the others is unsure."""
        if self.multi_label:
            return Share(int(self.answers.any(axis=1).sum()), len(self.names))
        return Share(int((self.probs.max(axis=1) >= self.min_probability).sum()), len(self.names))

    @property
    def unknown_named(self) -> Share:
        """How many songs are named though their genre was left out of the fit; of none where that was not tried."""
        return Share(int((self.unknown >= self.min_probability).sum()), len(self.unknown))

    @property
    def calibration_error(self) -> float:
        """The expected calibration error (ten bins): the answers' probability against how often they are right."""
        probs, right = self.probs.max(axis=1), self.right
        if self.multi_label:
            probs, right = self.probs.ravel(), self.has.ravel()
        bins = np.minimum((probs * 10).astype(int), 9)
        return float(sum(abs((probs - right)[bins == one].sum()) for one in np.unique(bins)) / len(probs))

    @property
    def wrong(self) -> list[int]:
        """The songs that are answered wrongly, the surest of the wrong answers first."""
        worst = (
            np.where(self.has, 1 - self.probs, self.probs).max(axis=1) if self.multi_label else self.probs.max(axis=1)
        )
        return [int(song) for song in np.argsort(-worst, kind="stable") if not self.right[song]]

    def words(self, which: np.ndarray) -> str:
        """Return genres in words, from a boolean for each; ``none`` where there is none."""
        return " + ".join(genre for genre, is_it in zip(self.genres, which, strict=True) if is_it) or "none"

    def figures(self) -> dict[str, Any]:
        """Return the figures for the model's card, ready for JSON."""
        return {
            "n_songs": len(self.names),
            "held_out": self.held_out or "song",
            "n_folds": self.n_folds,
            "accuracy": round(self.accuracy.value, 4),
            "accuracy_95": [round(end, 4) for end in self.accuracy.interval],
            "recall": {genre: round(share.value, 4) for genre, share in self.recall.items()},
            "calibration_error": round(self.calibration_error, 4),
            "named": round(self.named.value, 4),
            "unknown_named": round(self.unknown_named.value, 4) if len(self.unknown) else None,
            "strength": self.strength,
        }


def judged(
    examples: Examples, genres: tuple[str, ...], groups: np.ndarray, held_out: str, strength: float, sharpness: float
) -> Report:
    """Hold songs out, recognise them, and return the figures.

    Args:
        examples: All songs.
        genres: The genres.
        groups: The group of each song, shape (n_songs,), held out together.
        held_out: What a group is, in words.
        strength: The penalty's strength for all songs.
        sharpness: The card's.
    """
    scored: Score = score(examples, groups, strength, sharpness)
    unknown = unknown_probs(examples, groups, strength, scored, sharpness)
    thresholds: dict[str, float] = {}
    if examples.multi_label:
        thresholds = dict(zip(genres, thresholds_of(scored.probs, examples.has), strict=True))
        least = min(thresholds.values())
    else:
        best = scored.probs.argmax(axis=1)
        right = examples.has[np.arange(len(best)), best]
        least = threshold(scored.probs.max(axis=1)[right], unknown)
    return Report(
        genres=genres,
        names=examples.names,
        has=examples.has,
        probs=scored.probs,
        multi_label=examples.multi_label,
        held_out=held_out,
        n_folds=len(np.unique(scored.fold)),
        strength=strength,
        temperature=round(scored.temperature, 4),
        sharpness=sharpness,
        min_probability=least,
        thresholds=thresholds,
        unknown=unknown,
        doubts=tuple(doubts(scored.probs, examples.has, examples.multi_label)),
    )
