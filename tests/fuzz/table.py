"""Damaged tables of tracks."""

import os
from pathlib import Path

import numpy as np

from genrestream.errors import AudioError, UsageError
from tests.fuzz.mutations import mutated
from train.data.readers.folders import read

TABLE = "file,genre,artist,split\r\n" + "".join(
    f'{number}.wav,{genre},"Artist, {number}",{split}\r\n'
    for number, (genre, split) in enumerate([("rock", "train"), ("jazz", ""), ("pop", "test"), ("métal", "none")] * 5)
)


def attempt(folder: Path, _: int, rng: np.random.Generator) -> tuple[str, str, str]:
    """Read one damaged table; return what it was, its outcome and the message."""
    data = folder / f"{os.getpid()}-tracks"
    data.mkdir(exist_ok=True)
    for number in range(20):
        (data / f"{number}.wav").touch()
    content, names = mutated(TABLE.encode(), rng)
    (data / "tracks.csv").write_bytes(content)
    try:
        read(data)
    except (UsageError, AudioError) as error:
        return "+".join(names), "refused", str(error)
    return "+".join(names), "read", ""
