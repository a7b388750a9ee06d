"""How many held-out tracks a layer on frozen features recognises: a first figure, before ``train.evaluate``."""

from collections.abc import Sequence

import numpy as np

from genrestream.teaching.judging.report import Share
from genrestream.voting.probabilities import probabilities
from train.data.tracks import Track


def say_held_out(
    tracks: Sequence[Track], genres: Sequence[str], rows: Sequence[np.ndarray], kernel: np.ndarray, bias: np.ndarray
) -> None:
    """Print the accuracy on held-out tracks by the mean vote over their chunks; nothing where none is held out.

    Args:
        tracks: The held-out tracks.
        genres: The genres, in order.
        rows: The features of each track's chunks, shapes (n_chunks, n_features).
        kernel: Of the layer, shape (n_features, at least n_genres): outputs after the genres' are not used.
        bias: Of the layer.
    """
    heard = [(track, chunks) for track, chunks in zip(tracks, rows, strict=True) if len(chunks)]
    answers = [
        probabilities((chunks.astype(np.float32) @ kernel + bias)[:, : len(genres)], 1.0, False).mean(axis=0).argmax()
        for _, chunks in heard
    ]
    n_right = sum(genres[answer] == track.genre for (track, _), answer in zip(heard, answers, strict=True))
    if heard:
        print(f"held-out accuracy {Share(int(n_right), len(heard))} tracks")
