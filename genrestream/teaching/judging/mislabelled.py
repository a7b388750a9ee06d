"""Songs that look mislabelled, by confident learning (Northcutt, Jiang & Chuang, JAIR 2021)."""

import dataclasses

import numpy as np

ENOUGH = 0.8  # a probability at which a genre counts as recognised, whatever is usual


@dataclasses.dataclass(frozen=True)
class Doubt:
    """A label that looks wrong.

    Attributes:
        song: The song's number.
        genre: The number of the genre that it has, or (with several genres a song) may lack.
        sounds_like: The number of the genre that it sounds like; the same as ``genre`` where the doubt is only whether
            the song has it.
        probability: How probable that is: of ``sounds_like``, or that the song's label is wrong.
    """

    song: int
    genre: int
    sounds_like: int
    probability: float


def doubts(probs: np.ndarray, has: np.ndarray, multi_label: bool) -> list[Doubt]:
    """Return the labels that look wrong, the least likely first.

    A genre counts as recognised in a song where it is as probable there as it is, on average, in the songs that have
    it, or has 0.8: where genres are told apart with near certainty, the average would ask for too much. A song in which
    another genre is recognised, and more clearly than its own, looks mislabelled.

    Args:
        probs: Of held-out songs, shape (n_songs, n_genres).
        has: Whether each song has each genre, boolean, shape (n_songs, n_genres).
        multi_label: Whether a song may have several genres; then each genre is judged by itself.
    """
    found = _of_tags(probs, has) if multi_label else _of_genres(probs, has)
    return sorted(found, key=lambda doubt: -doubt.probability)


def _of_genres(probs: np.ndarray, has: np.ndarray) -> list[Doubt]:
    typical = np.array([
        min(ENOUGH, its[truth].mean()) if truth.any() else np.inf for its, truth in zip(probs.T, has.T, strict=True)
    ])  # fmt: skip
    found = []
    for song, (its, truth) in enumerate(zip(probs, has.argmax(axis=1), strict=True)):
        recognised = np.where(its >= typical, its, 0.0)
        best = int(recognised.argmax())
        if recognised[best] > its[truth] and best != truth:
            found.append(Doubt(song, int(truth), best, float(its[best])))
    return found


def _of_tags(probs: np.ndarray, has: np.ndarray) -> list[Doubt]:
    found = []
    for genre, (its, truth) in enumerate(zip(probs.T, has.T, strict=True)):
        if not truth.any() or truth.all():
            continue
        with_it, without_it = its[truth].mean(), its[~truth].mean()
        for song in np.flatnonzero(truth & (its <= without_it)):
            found.append(Doubt(int(song), genre, genre, float(1 - its[song])))
        for song in np.flatnonzero(~truth & (its >= with_it)):
            found.append(Doubt(int(song), genre, genre, float(its[song])))
    return found
