"""Answers made up for the screens' parts."""

from genrestream.streaming.predictions import Decision, Prediction
from genrestream.voting.steps import Kind

GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")


def decision(genre="metal", prob=0.8, labels=GENRES, **more):
    """Return a decision for one genre; `more` replaces its other attributes."""
    probs = dict.fromkeys(labels, (1 - prob) / len(labels)) | {genre: prob}
    attributes = {
        "state": "music", "genres": (genre,), "probs": probs, "votes": dict.fromkeys(labels, 0) | {genre: 7},
        "n_votes": 8, "rule": "follow",
    }  # fmt: skip
    return Decision(**(attributes | more))


def answer(end_s, running=None, kind: Kind = "music"):
    """Return the prediction of a chunk of 3 s."""
    running = running or decision()
    probs = dict(running.probs) if kind == "music" else {}
    return Prediction(end_s - 3, end_s, 0.0, -12.0, probs, running.genres if probs else (), running, kind)
