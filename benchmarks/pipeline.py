"""How many crops a second the input pipeline gives, with each augmentation alone and with the default ones.

CPU time a crop matters if training needs the same cores; it varies less than the rate::

    python -m benchmarks.pipeline                  # a minute; needs GTZAN's tracks
    python -m benchmarks.pipeline --n-workers 2    # in worker processes, whose CPU time is not counted
"""

import dataclasses
import time
from pathlib import Path

import tyro

from genrestream.features.config import LogMelConfig
from train.augment.config import OFF, AugmentConfig
from train.command.entry import entry
from train.data.cache import AudioCache
from train.data.load import load
from train.data.splits import Split
from train.data.tracks import DataConfig
from train.input.batching import batches
from train.input.examples import crops

BATCH_SIZE = 32
SWITCHES = {
    "none": {},
    "gain": {"gain_db": 6.0},
    "speed": {"speed": 0.06},
    "pitch and stretch": {"pitch_semitones": 2.0, "stretch": 0.1},
    "equaliser": {"equalise_db": 6.0},
    "noise, every crop": {"noise": 1.0},
    "distortion, every crop": {"distort": 1.0},
    "codec, every tenth crop": {"codec": 0.1},
    "shortened, every crop": {"shorten": 1.0},
}


@dataclasses.dataclass(frozen=True)
class Config:
    """How the benchmark is run.

    Attributes:
        data: GTZAN's folder.
        n_batches: Batches of 32 for each line.
        n_workers: Worker processes; 0 for a thread of this one.
        cache: Folder for the decoded audio; genrestream's cache folder where not given.
    """

    data: Path = Path("../shared/data/gtzan")
    n_batches: int = 20
    n_workers: int = 0
    cache: Path | None = None


def measure(config: Config, split: Split, cache: AudioCache, augment: AugmentConfig) -> tuple[float, float]:
    """Return crops a second, and CPU milliseconds of this process for one crop."""
    dataset = crops(split.train, split.genres, cache, LogMelConfig(), augment)
    iterator = iter(batches(dataset, BATCH_SIZE, n_workers=config.n_workers))
    for _ in range(4):  # starts the workers and takes the batches that they prepared
        next(iterator)
    start_s, cpu_s = time.perf_counter(), time.process_time()
    for _ in range(config.n_batches):
        next(iterator)
    n_crops = BATCH_SIZE * config.n_batches
    figures = n_crops / (time.perf_counter() - start_s), 1000 * (time.process_time() - cpu_s) / n_crops
    iterator.close()
    return figures


def main(config: Config) -> None:
    """Print a line for each augmentation."""
    split, cache = load(DataConfig(config.data, cache=config.cache), LogMelConfig().sample_rate)
    settings = {name: dataclasses.replace(OFF, share=1.0, **fields) for name, fields in SWITCHES.items()}
    for name, augment in (settings | {"default": AugmentConfig()}).items():
        rate, cpu_ms = measure(config, split, cache, augment)
        print(f"{name:24s} {rate:7,.0f} crops/s  {cpu_ms:5.2f} ms CPU a crop", flush=True)


if __name__ == "__main__":
    entry(lambda: main(tyro.cli(Config, description=__doc__)))
