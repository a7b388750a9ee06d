import dataclasses

import pytest

from genrestream.streaming.predictions import Decision, Prediction
from genrestream.streaming.status import Status
from genrestream.ways_out.now import now_of


def status_of(genre: str = "metal", prob: float = 0.97, title: str = "") -> Status:
    """Return the status of a run in which a genre leads."""
    probs = {"metal": 1 - prob, "rock": 1 - prob} | {genre: prob}
    running = Decision("music", (genre,), probs, {"metal": 0, "rock": 0} | {genre: 7}, 7, "follow", 2.5)
    prediction = Prediction(7.0, 10.0, 0.0, -12.0, probs, (genre,), running)
    return Status(state="music", time_s=10.0, level_db=-12.0, prediction=prediction, title=title)


@pytest.fixture
def now():
    return now_of("main", "song.ogg", "musicnn-yamnet", status_of())


@pytest.fixture
def later(now):
    return dataclasses.replace(now, genres=("rock",), time_s=20.0)
