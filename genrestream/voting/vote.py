"""The votes over a whole stream: means of the chunks' ballots."""

from collections import Counter, deque
from typing import Literal, get_args

import numpy as np

from genrestream.errors import OptionError
from genrestream.voting.rules import Rule, check_half_life
from genrestream.voting.steps import Kind

KindOrNothing = Literal[Kind, "nothing"]
MUSIC_SHARE = 0.25  # of the chunks with sound; with less music the stream is what most of them are
SOUND_SHARE = 0.1  # of all chunks; with less sound the stream is silence
COUNTED_HALF_LIVES = 4  # older ballots weigh less than a sixteenth


class Vote:
    """A running weighted mean of the chunks' ballots.

    With ``mean`` a ballot is the chunk's probabilities (soft vote). With ``majority`` it is 1 for each label that the
    chunk chose and 0 elsewhere (hard vote). With ``decay`` it is the probabilities, and a ballot's weight halves each
    half-life, so that the answer follows the music.

    Where chunks agree, the answer should be surer than one chunk is; the mean is not, so `sharpened` raises it.

    Args:
        n_classes: Labels that are voted on.
        rule: How ballots are made and weighed.
        half_life_s: For ``decay``: seconds after which a ballot counts half.
        sharpness: See `sharpened`; shares of hard votes are left as they are.

    Attributes:
        counts: How many chunks chose each label, shape (n_classes,); with ``decay`` of the last four half-lives.
        n_votes: How many chunks voted, over the same time.
        others: How many chunks did not vote, by kind, over the same time.
        since_s: None: these votes have no beginning but the stream's.
    """

    since_s = None

    def __init__(self, n_classes: int, rule: Rule = "mean", half_life_s: float = 15.0, sharpness: float = 0.0):
        if rule not in get_args(Rule):
            raise OptionError("vote", rule, f"must be one of {', '.join(get_args(Rule))}")
        check_half_life(half_life_s)
        self.rule, self.half_life_s = rule, half_life_s
        self._sharpness = 0.0 if rule == "majority" else sharpness
        self.counts = np.zeros(n_classes, int)
        self.n_votes, self.others = 0, Counter[str]()
        self._sum = np.zeros(n_classes)
        self._weight = 0.0
        self._time_s = 0.0
        self._recent: deque[tuple[float, np.ndarray | str]] = deque()

    def add(self, kind: Kind, probs: np.ndarray, chosen: np.ndarray, start_s: float, end_s: float) -> None:
        """Count one chunk.

        Args:
            kind: What it is: ``music``, which votes, ``speech``, ``noise`` or ``silence``.
            probs: Its probabilities where it is music, shape (n_classes,).
            chosen: Which labels it votes for, boolean, shape (n_classes,).
            start_s: Where it starts in the stream, in seconds, not before the one added last.
            end_s: Where it ends.
        """
        if kind != "music":
            self.others[kind] += 1
            self._forget(start_s, kind)
            return
        kept = 0.5 ** ((start_s - self._time_s) / self.half_life_s) if self.rule == "decay" else 1.0
        self._sum = kept * self._sum + (chosen if self.rule == "majority" else probs)
        self._weight = kept * self._weight + 1.0
        self._time_s = start_s
        self.counts += chosen
        self.n_votes += 1
        self._forget(start_s, chosen)

    def interrupt(self) -> None:
        """Go on after lost input: these votes are on all of the stream, whatever lies between."""

    def _forget(self, time_s: float, ballot: np.ndarray | str) -> None:
        """With ``decay``, drop ballots older than four half-lives from the counts."""
        if self.rule != "decay":
            return
        self._recent.append((time_s, ballot))
        while time_s - self._recent[0][0] > COUNTED_HALF_LIVES * self.half_life_s:
            _, old = self._recent.popleft()
            if isinstance(old, str):
                self.others[old] -= 1
            else:
                self.counts -= old
                self.n_votes -= 1

    @property
    def probs(self) -> np.ndarray:
        """The running probabilities, shape (n_classes,); zeros before the first vote."""
        if not self.n_votes:
            return np.zeros(len(self._sum))
        return sharpened(self._sum / self._weight, self._weight, self._sharpness)

    @property
    def kind(self) -> KindOrNothing:
        """What most of the stream is: music, or what is there instead of it."""
        speech, noise, silence = self.others["speech"], self.others["noise"], self.others["silence"]
        n_loud = self.n_votes + speech + noise
        if not n_loud + silence:
            return "nothing"
        if n_loud < SOUND_SHARE * (n_loud + silence):
            return "silence"
        if self.n_votes >= MUSIC_SHARE * n_loud:
            return "music"
        return "speech" if speech >= noise else "noise"

    def __str__(self) -> str:
        return f"decay, half-life {self.half_life_s:g} s" if self.rule == "decay" else self.rule


def sharpened(probs: np.ndarray, n_votes: np.ndarray | float, sharpness: float) -> np.ndarray:
    """Return the mean of n ballots, raised to the power 1 + sharpness (1 - 1/n) and scaled to a sum of 1.

    One ballot stays as it is; the ranking stays, too.

    Args:
        probs: Means of probabilities that sum to 1, shape (..., n_classes).
        n_votes: Total weight of the ballots, at least 1; shape (...,).
        sharpness: From 0, which changes nothing.
    """
    if not sharpness:
        return probs
    power = 1 + sharpness * (1 - 1 / np.maximum(1.0, n_votes))
    raised = probs ** np.asarray(power)[..., None]
    return raised / np.maximum(raised.sum(axis=-1, keepdims=True), 1e-300)
