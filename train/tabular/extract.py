"""Compute tables of features from audio, a row for each 3 s chunk as the stream cuts it.

::

    python -m train.tabular.extract --data ../shared/data/gtzan --output runs/features_3_sec.csv  # the 57
    python -m train.tabular.extract --data ../shared/data/gtzan --output runs/summary.npz --features summary  # SS
    python -m train.tabular.extract --data ../shared/data/gtzan --output runs/spectrogram.npz --features spectrogram

One core computes the 57 columns of about 60 chunks a second.
"""

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

import jax
import numpy as np
import tyro
from rich.progress import track as progress

from genrestream.errors import UsageError
from genrestream.features.config import TabularConfig
from genrestream.features.tabular.columns import COLUMNS, tabular
from genrestream.inference.program import use_compile_cache
from train.command.entry import entry
from train.data.decode import chunks_of
from train.data.load import gtzan_tracks
from train.data.tracks import Track
from train.tabular.summary import spectrogram, summary
from train.tabular.table import save_table

FeatureSet = Literal["tabular", "summary", "spectrogram"]


@dataclasses.dataclass(frozen=True)
class ExtractConfig:
    """What to compute, and for which music.

    Attributes:
        data: GTZAN's folder.
        output: The table's file, ``.csv`` or ``.npz``.
        features: The 57 columns of GTZAN's files, seven statistics of many features (SS), or spectrograms for PCA.
        hop_s: Seconds from one chunk's start to the next one's.
    """

    data: Path
    output: Path
    features: FeatureSet = "tabular"
    hop_s: float = 3.0

    def __post_init__(self) -> None:
        if self.output.suffix not in (".csv", ".npz"):
            raise UsageError(f"--output {self.output}: must end in .csv or .npz")


def columns_of(features: FeatureSet) -> Callable[[np.ndarray], dict[str, jax.Array]]:
    """Return the function from chunks, shape (batch, n_samples), to columns by name, compiled."""
    if features == "tabular":
        return jax.jit(lambda chunks: dict(zip(COLUMNS, tabular(chunks).T, strict=True)))
    return jax.jit(summary if features == "summary" else spectrogram)


def extract(
    tracks: Iterable[Track], features: FeatureSet, hop_s: float = 3.0
) -> tuple[tuple[str, ...], np.ndarray, list[str], list[str]]:
    """Compute the features of every chunk of every track.

    Returns:
        The columns, the values of shape (n_rows, n_columns), the rows' names and their genres.
    """
    compute, frontend = columns_of(features), TabularConfig()
    rows, names, genres, columns = [], [], [], ()
    for one in tracks:
        for at, chunk in enumerate(chunks_of(one.path, frontend, hop_s)):
            by_name = compute(chunk[None])
            columns = tuple(by_name)
            rows.append(np.concatenate([np.asarray(value) for value in by_name.values()]))
            names.append(f"{one.name}.{at}{one.path.suffix}")
            genres.append(one.genre)
    return columns, np.stack(rows), names, genres


def main(config: ExtractConfig) -> None:
    """Write the table of a data set."""
    use_compile_cache()
    tracks = gtzan_tracks(config.data)
    columns, values, names, genres = extract(progress(tracks, "tracks"), config.features, config.hop_s)
    save_table(config.output, columns, values, names, genres)
    print(f"{config.output}: {len(values)} chunks of {len(tracks)} tracks, {len(columns)} columns")


if __name__ == "__main__":
    entry(lambda: main(tyro.cli(ExtractConfig, description=__doc__, prog="python -m train.tabular.extract")))
