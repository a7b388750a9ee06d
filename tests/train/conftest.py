"""Music to train on."""

import numpy as np
import pytest

from tests.conftest import encode, music


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """Two genres that differ: chords, and noise alone."""
    folder = tmp_path_factory.mktemp("data")
    for number in range(6):
        for genre in ("chords", "noise"):
            waveform = music(4, 8_000, seed=number)
            if genre == "noise":
                waveform = np.random.default_rng(number).normal(scale=0.1, size=waveform.shape).astype(np.float32)
            (folder / genre).mkdir(exist_ok=True)
            encode(folder / genre / f"{number}.flac", waveform, 8_000, "flac")
    return folder
