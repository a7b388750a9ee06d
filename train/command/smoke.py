"""``--smoke``: a short training on synthetic music, to check whether the installation and the devices work."""

import tempfile
import wave
from pathlib import Path

import numpy as np

SMOKE = "--smoke"
RATE, SECONDS, N_TRACKS = 16_000, 4, 6
ARGUMENTS = ("--split", "track", "--n-folds", "3", "--n-epochs", "2", "--crops-per-epoch", "64")


def with_smoke(arguments: list[str]) -> list[str]:
    """Return the arguments with ``--smoke`` replaced by those of a short training; others given win."""
    if SMOKE not in arguments:
        return arguments
    folder = Path(tempfile.mkdtemp(prefix="genrestream-smoke-"))
    for number in range(N_TRACKS):
        for genre in ("chords", "hiss"):
            _write(folder / "music" / genre / f"{number}.wav", genre, number)
    places = ("--data", str(folder / "music"), "--output", str(folder / "run"))
    return [*places, *ARGUMENTS, *(argument for argument in arguments if argument != SMOKE)]


def _write(path: Path, genre: str, number: int) -> None:
    rng = np.random.default_rng([number, genre == "hiss"])
    time_s = np.arange(SECONDS * RATE) / RATE
    if genre == "chords":
        waveform = sum(np.sin(2 * np.pi * pitch_hz * time_s) for pitch_hz in rng.uniform(100, 1000, 3)) / 6
    else:
        waveform = rng.normal(scale=0.1, size=len(time_s))
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((32767 * np.asarray(waveform)).astype("<i2").tobytes())
