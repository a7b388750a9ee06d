"""The linear layer that answers for single chunks, fitted without some folds, and answers for tracks it did not see."""

import numpy as np

from genrestream.teaching.fit import fit_linear
from train.study.song.songs import N_FOLDS, Songs

N_STEPS = 40  # as the default model's layer

Folds = tuple[int, ...]


class Heads:
    """Layers fitted without some folds, each once.

    Args:
        songs: The tracks.
    """

    def __init__(self, songs: Songs):
        self.songs = songs
        self._logits: dict[Folds, np.ndarray] = {}
        self._pooled: dict[Folds, np.ndarray] = {}

    def logits(self, without: Folds) -> np.ndarray:
        """Return the logits of all chunks, from a layer fitted without these folds; (n_tracks, MOST, n_genres)."""
        without = tuple(sorted(without))
        if without not in self._logits:
            rows, place, weights = self.songs.chunks(without)
            self._logits[without] = self._answered(rows, self.songs.labels[place], weights)
        return self._logits[without]

    def pooled(self, without: Folds, n_cuts: int = 4, seed: int = 0) -> np.ndarray:
        """Return the same of a layer that was fitted to means over cuts of tracks, one chunk to all of them."""
        if without in self._pooled:
            return self._pooled[without]
        songs, rng = self.songs, np.random.default_rng(seed)
        own = np.repeat(songs.without(without), n_cuts)
        lengths = np.exp(rng.uniform(0, np.log(songs.lengths[own] + 0.999))).astype(int)  # short cuts as well as long
        starts = rng.integers(0, songs.lengths[own] - lengths + 1)
        means = [songs.features[one, a : a + n].mean(axis=0) for one, a, n in zip(own, starts, lengths, strict=True)]
        self._pooled[without] = self._answered(np.array(means), songs.labels[own], songs.weights[own])
        return self._pooled[without]

    def unseen(self, without: Folds) -> np.ndarray:
        """Return logits as a vote meets them: from layers that were not fitted to the track.

        A track of these folds has them from the layer without these folds; another track from the layer that its own
        fold is left out of, too. So a vote that is fitted to the other tracks does not learn to trust a layer that
        knows them.
        """
        logits = self.logits(without).copy()
        for fold in set(range(N_FOLDS)) - set(without):
            its = self.songs.folds == fold
            logits[its] = self.logits((*without, fold))[its]
        return logits

    def _answered(self, rows: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
        penalties = 1 / np.maximum(1e-6, rows.var(axis=0))  # undoes the scaling: components keep their sizes
        kernel, bias = fit_linear(rows, labels, weights, penalties, len(self.songs.genres), N_STEPS)
        return self.songs.features @ kernel + bias
