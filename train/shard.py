"""Write decoded music as shards: a few large ArrayRecord files, for training on machines far from the music.

::

    python -m train.shard ~/fma shards/fma                       # at 16 kHz, as most networks need it
    python -m train.shard ~/music shards/mlp --sample-rate 22050 # for train.mlp
    python -m train.cnn --data shards/fma --split official       # the same batches as from the folder

Shards hold the audio itself: share them as you may share the music, and never put them into a repository.
"""

import dataclasses
import sys
from pathlib import Path

import tyro

from genrestream.errors import UsageError
from genrestream.output.text import printable
from train.command.entry import entry
from train.command.paths import check_local
from train.data import shards
from train.data.cache import AudioCache
from train.data.load import decoded
from train.data.readers.folders import read
from train.data.tracks import DataConfig


@dataclasses.dataclass(frozen=True)
class Config:
    """What to write, and where.

    Attributes:
        data: The folder of labelled music, of any layout that a training reads.
        output: The folder of the shards.
        sample_rate: Rate of the audio, in Hz; a network reads shards of its own rate only.
        shard_mb: Size of a shard, in MB.
        max_unreadable: The largest share of tracks that may be unreadable.
        cache: Folder for the decoded audio; genrestream's cache folder where not given.
        n_workers: Processes to decode in; by the number of tracks and cores where not given.
    """

    data: tyro.conf.Positional[Path]
    output: tyro.conf.Positional[Path]
    sample_rate: int = 16_000
    shard_mb: float = 256.0
    max_unreadable: float = 0.1
    cache: Path | None = None
    n_workers: int | None = None

    def __post_init__(self) -> None:
        check_local("OUTPUT", self.output)
        if self.sample_rate < 1:
            raise UsageError(f"--sample-rate {self.sample_rate}: must be at least 1 Hz")
        if not self.shard_mb > 0:
            raise UsageError(f"--shard-mb {self.shard_mb}: must be positive")


def main(config: Config) -> None:
    """Decode a dataset and write its shards."""
    data = DataConfig(config.data, max_unreadable=config.max_unreadable, cache=config.cache)
    cache = AudioCache(config.sample_rate, data.cache)
    dataset = read(data.data)
    _, filled = decoded(dataset, cache, data, config.n_workers)
    for line in filled.unreadable.values():
        print(f"left out: {printable(line)}", file=sys.stderr)
    files = shards.write(config.output, dataset, filled, cache, config.shard_mb)
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    print(f"{config.output}: {len(filled.tracks)} tracks in {len(files)} shards, {megabytes:,.0f} MB")


if __name__ == "__main__":
    entry(lambda: main(tyro.cli(Config, description=__doc__, prog="python -m train.shard")))
