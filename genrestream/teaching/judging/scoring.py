"""An honest score: each song is judged by a layer that was fitted without its artist and album.

All choices are made inside the songs that are fitted to: the strength of the penalty in inner folds, the temperature
on the other folds.
"""

import dataclasses
import functools
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from genrestream.teaching.fit import LinearFit
from genrestream.teaching.groups import folds_of
from genrestream.voting.probabilities import other_music, probabilities
from genrestream.voting.vote import sharpened

N_FOLDS, N_INNER = 5, 3
STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0)  # of the penalty, against a loss that is the mean over the songs
DEFAULT_STRENGTH = 0.3
N_STEPS = 60
MAX_NESTED = 4_096  # rows; with more, the strength is chosen once for all folds: from so many it is much the same
LOG_TEMPERATURES = (-1.0, 2.0)  # few songs must not make it too sure of itself
FOREIGN = 0.05  # the mean probability of a kind of music in all genres' songs under which it is music of another kind
LEAST = 1e-6  # a probability, before its logarithm


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """The features of songs, and what they are.

    Attributes:
        names: The songs.
        has: Whether each song has each genre, boolean, shape (n_songs, n_genres).
        rows: Frozen features of chunks, shape (n_rows, n_features).
        place: The song of each row, shape (n_rows,).
        kinds: Logits of each row for kinds of music, by the model that is taught from, shape (n_rows, n_kinds).
        multi_label: Whether a song may have several genres.
    """

    names: tuple[str, ...]
    has: np.ndarray
    rows: np.ndarray
    place: np.ndarray
    kinds: np.ndarray
    multi_label: bool

    def only(self, songs: np.ndarray, genres: np.ndarray | None = None) -> "Examples":
        """Return some of the songs, by number, and of the genres."""
        of_songs = np.isin(self.place, songs)
        number = np.full(len(self.names), -1)
        number[songs] = np.arange(len(songs))
        has = self.has[songs] if genres is None else self.has[songs][:, genres]
        names = tuple(self.names[song] for song in songs)
        rows, kinds = self.rows[of_songs], self.kinds[of_songs]
        return Examples(names, has, rows, number[self.place[of_songs]], kinds, self.multi_label)

    @property
    def foreign(self) -> np.ndarray:
        """Which kinds of music none of the genres is like, boolean, shape (n_kinds,)."""
        if not self.kinds.shape[1]:
            return np.zeros(0, bool)
        probs = _means(probabilities(self.kinds, 1.0, False), self.place, len(self.names))
        of_genres = [probs[songs].mean(axis=0) for songs in self.has.T if songs.any()]
        foreign = np.max(of_genres, axis=0) < FOREIGN
        return foreign & ~foreign.all()  # of very many kinds each may be rare: then they tell nothing


@dataclasses.dataclass(frozen=True, eq=False)
class Layer:
    """A fitted last layer.

    Attributes:
        kernel: Shape (n_features, n_genres).
        bias: Shape (n_genres,).
        strength: The penalty's strength that it was fitted with.
        foreign: Which kinds of music none of its genres is like, boolean, shape (n_kinds,).
    """

    kernel: np.ndarray
    bias: np.ndarray
    strength: float
    foreign: np.ndarray

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Return the logits of rows, shape (n_rows, n_genres)."""
        return rows.astype(np.float32) @ self.kernel + self.bias

    def other(self, kinds: np.ndarray) -> np.ndarray:
        """Return how probable other music is, shape (n_rows,), from the logits of kinds, shape (n_rows, n_kinds)."""
        return other_music(kinds, self.foreign) if self.foreign.any() else np.zeros(len(kinds))


@dataclasses.dataclass(frozen=True, eq=False)
class Score:
    """How well held-out songs are recognised.

    Attributes:
        probs: Probability of each genre for each song, as the running vote ends, each song by a layer that was fitted
            without its group and with a temperature of other songs, shape (n_songs, n_genres).
        fold: Which songs were held out together, shape (n_songs,).
        temperature: The temperature for all of them, and for the layer fitted to all.
    """

    probs: np.ndarray
    fold: np.ndarray
    temperature: float


def weights_of(examples: Examples, groups: np.ndarray) -> np.ndarray:
    """Return what each row weighs: genres alike, within one artists by the root of their songs, songs alike."""
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    of_song = sizes[group] ** -0.5
    share = examples.has * of_song[:, None]
    share = share / np.maximum(1e-9, share.sum(axis=0))
    counts = np.bincount(examples.place, minlength=len(examples.names))
    of_song = share.sum(axis=1)
    return (of_song / np.maximum(1, counts))[examples.place]


def fitted(examples: Examples, groups: np.ndarray, strength: float | None = None) -> Layer:
    """Fit a layer; the strength of its penalty is chosen in inner folds where not given.

    Args:
        examples: The songs.
        groups: The group of each song, shape (n_songs,).
        strength: See ``STRENGTHS``.
    """
    chosen = chosen_strength(examples, groups) if strength is None else strength
    return _Fits(examples, groups).layer(chosen)


def chosen_strength(examples: Examples, groups: np.ndarray) -> float:
    """Return the strength with which songs of other groups are best recognised, by the likelihood of their genres."""
    if examples.has.sum(axis=0).min() < 2:
        return DEFAULT_STRENGTH
    folds = folds_of(groups, examples.has, N_INNER)
    losses = np.zeros(len(STRENGTHS))
    for fold in np.unique(folds):
        inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        fits, held_out = _Fits(examples.only(inside), groups[inside]), examples.only(outside)
        for number, strength in enumerate(STRENGTHS):
            logits = fits.layer(strength).logits(held_out.rows)
            losses[number] += _loss(song_probs(held_out, logits, 0.0), held_out).sum()
    return STRENGTHS[int(losses.argmin())]


class _Fits:
    """Layers for the same songs with different strengths."""

    def __init__(self, examples: Examples, groups: np.ndarray):
        rows = examples.rows
        self._fit = LinearFit(rows, weights_of(examples, groups), np.ones(rows.shape[1]))
        has = examples.has[examples.place]
        self._labels = has if examples.multi_label else has.argmax(axis=1)
        self._n_genres, self._foreign = has.shape[1], examples.foreign

    @functools.cache  # noqa: B019 - lives as long as one fold
    def layer(self, strength: float) -> Layer:
        return Layer(*self._fit.fit(self._labels, self._n_genres, N_STEPS, strength), strength, self._foreign)


def song_probs(
    examples: Examples, logits: np.ndarray, other: np.ndarray | float, temperature: float = 1.0, sharpness: float = 0.0
) -> np.ndarray:
    """Return the probabilities with which the vote over each song ends, shape (n_songs, n_genres).

    Args:
        examples: The songs.
        logits: Of each row, shape (n_rows, n_genres).
        other: How probable other music is in each row, shape (n_rows,).
        temperature: The logits are divided by it.
        sharpness: See ``voting.vote.sharpened``.
    """
    probs, other = probabilities(logits, temperature, examples.multi_label), np.broadcast_to(other, len(logits))
    if examples.multi_label:
        return _means(probs, examples.place, len(examples.names))
    whole = np.column_stack([probs * (1 - other[:, None]), other])
    counts = np.bincount(examples.place, minlength=len(examples.names)).astype(float)
    return sharpened(_means(whole, examples.place, len(examples.names)), counts, sharpness)[:, :-1]


def _means(values: np.ndarray, place: np.ndarray, n_songs: int) -> np.ndarray:
    """Return the mean of each song's rows, shape (n_songs, ...)."""
    sums = np.zeros((n_songs, *values.shape[1:]))
    np.add.at(sums, place, values)
    return sums / np.maximum(1, np.bincount(place, minlength=n_songs))[:, None]


def score(examples: Examples, groups: np.ndarray, strength: float, sharpness: float) -> Score:
    """Hold out the groups in turn and recognise them.

    Args:
        examples: All songs.
        groups: The group of each song, shape (n_songs,).
        strength: The penalty's that was chosen for all songs; used where there are too many to choose one a fold.
        sharpness: The card's; see ``voting.vote.sharpened``.
    """
    folds = folds_of(groups, examples.has, N_FOLDS)
    given = strength if len(examples.rows) > MAX_NESTED else None
    heard = _Heard(np.zeros((len(examples.rows), examples.has.shape[1])), np.zeros(len(examples.rows)))
    for fold in np.unique(folds):
        layer = fitted(examples.only(np.flatnonzero(folds != fold)), groups[folds != fold], given)
        held_out = folds[examples.place] == fold
        heard.logits[held_out] = layer.logits(examples.rows[held_out])
        heard.other[held_out] = layer.other(examples.kinds[held_out])
    probs = np.zeros(examples.has.shape)
    for fold in np.unique(folds):
        temperature = _temperature(examples, heard, sharpness, np.flatnonzero(folds != fold))
        its = song_probs(examples, heard.logits, heard.other, temperature, sharpness)
        probs[folds == fold] = its[folds == fold]
    return Score(probs, folds, _temperature(examples, heard, sharpness, np.arange(len(folds))))


class _Heard(NamedTuple):
    logits: np.ndarray
    other: np.ndarray


def _temperature(examples: Examples, heard: _Heard, sharpness: float, songs: np.ndarray) -> float:
    """Return the temperature with which the genres of these songs are most likely."""

    def loss(log_temperature: float) -> float:
        probs = song_probs(examples, heard.logits, heard.other, float(np.exp(log_temperature)), sharpness)
        return float(_loss(probs, examples)[songs].mean())

    found: Any = minimize_scalar(loss, bounds=LOG_TEMPERATURES, method="bounded")
    return float(np.exp(found.x))


def _loss(probs: np.ndarray, examples: Examples) -> np.ndarray:
    """Return the negative log-likelihood of each song's genres, shape (n_songs,)."""
    if examples.multi_label:
        right = np.where(examples.has, probs, 1 - probs)
        return -np.log(np.maximum(LEAST, right)).sum(axis=1)
    return -np.log(np.maximum(LEAST, (probs * examples.has).sum(axis=1)))


def unknown_probs(
    examples: Examples, groups: np.ndarray, strength: float, score: Score, sharpness: float
) -> np.ndarray:
    """Return how probable its best genre is for music of no known genre: each genre is left out in turn and classified.

    Returns:
        Shape (n_songs,); empty with fewer than three genres, since two are needed to choose from.
    """
    n_genres = examples.has.shape[1]
    if n_genres < 3 or examples.multi_label:
        return np.empty(0)
    best = np.zeros(len(examples.names))
    for genre in range(n_genres):
        known, unknown = np.flatnonzero(~examples.has[:, genre]), np.flatnonzero(examples.has[:, genre])
        others = np.flatnonzero(np.arange(n_genres) != genre)
        layer = fitted(examples.only(known, others), groups[known], strength)
        heard = examples.only(unknown, others)
        best[unknown] = song_probs(
            heard, layer.logits(heard.rows), layer.other(heard.kinds), score.temperature, sharpness
        ).max(axis=1)
    return best
