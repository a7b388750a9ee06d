"""How far our 57 columns of whole tracks agree with published ones: a line for each column.

::

    python -m train.study.agreement --data ../shared/data/gtzan --table ../shared/data/gtzan/features_30_sec.csv

Only tracks of the published length are compared. The remaining difference is in the
tracks: our copies went through a codec, theirs did not.
"""

import dataclasses
from pathlib import Path

import jax
import numpy as np
import tyro
from rich.progress import track as progress

from genrestream.errors import UsageError
from genrestream.features.tabular.columns import COLUMNS, tabular
from genrestream.files import write_text
from genrestream.inference.program import use_compile_cache
from train.command.entry import entry
from train.data.cache import AudioCache
from train.data.load import decoded
from train.data.readers.folders import read
from train.data.tracks import DataConfig
from train.tabular.table import read_table

RATE = 22_050
LENGTHS = (661_504, 661_794)  # the length of nearly all of GTZAN's tracks; one length, one compiled program


@dataclasses.dataclass(frozen=True)
class AgreementConfig:
    """What to compare.

    Attributes:
        data: The music.
        table: The published columns, a row for each whole track.
        max_tracks: The number of tracks to compare, evenly spread; 0 for all.
        output: The report.
        cache: Folder for the decoded audio; genrestream's cache folder where not given.
    """

    data: Path
    table: Path
    max_tracks: int = 0
    output: Path = Path("runs/agreement.md")
    cache: Path | None = None


def compared(config: AgreementConfig) -> tuple[np.ndarray, np.ndarray]:
    """Return our columns and theirs of the same tracks, both of shape (n_tracks, 57)."""
    table = read_table(config.table)
    place = {name: row for row, name in enumerate(table.tracks)}
    cache = AudioCache(RATE, config.cache)
    dataset, _ = decoded(read(config.data), cache, DataConfig(config.data, cache=config.cache))
    tracks = [one for one in dataset.tracks if one.name in place and len(cache.waveform(one)) in LENGTHS]
    if not tracks:
        raise UsageError(f"{config.data}: no track of {config.table} has its published length, 30 s at {RATE} Hz")
    if config.max_tracks:
        tracks = [tracks[at] for at in np.unique(np.linspace(0, len(tracks) - 1, config.max_tracks).astype(int))]
    compute = jax.jit(tabular)
    ours = []
    for one in progress(tracks, "tracks"):
        waveform = cache.crop(one, 0, cache.n_samples(one))
        ours.append(np.asarray(compute(waveform[None])[0]))
    return np.stack(ours), table.values[[place[one.name] for one in tracks]]


def report(ours: np.ndarray, theirs: np.ndarray) -> str:
    """Return a table of how far the columns agree, as Markdown."""
    spread = theirs.std(axis=0)
    off = np.abs(ours - theirs) / spread
    lines = [
        f"{len(ours)} tracks; differences in standard deviations of the column over these tracks.",
        "",
        "| column | correlation | median difference | 90 % within | ratio of the medians |",
        "|---|---|---|---|---|",
    ]
    for at, name in enumerate(COLUMNS):
        correlation = np.corrcoef(ours[:, at], theirs[:, at])[0, 1]
        middle, most = np.quantile(off[:, at], [0.5, 0.9])
        ratio = np.median(ours[:, at]) / np.median(theirs[:, at])
        lines.append(f"| {name} | {correlation:.4f} | {middle:.3f} | {most:.3f} | {ratio:.3f} |")
    tempo = COLUMNS.index("tempo")
    same = np.isclose(ours[:, tempo], theirs[:, tempo], rtol=1e-4).mean()
    return "\n".join([*lines, "", f"The tempo is equal for {same:.1%} of the tracks."]) + "\n"


def main(config: AgreementConfig) -> None:
    """Write and print the report."""
    use_compile_cache()
    text = report(*compared(config))
    write_text(config.output, text)
    print(text)


if __name__ == "__main__":
    entry(lambda: main(tyro.cli(AgreementConfig, description=__doc__, prog="python -m train.study.agreement")))
