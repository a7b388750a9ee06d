"""How much faster a training step is by each fast gradient and each setting: paired, one process for each variant.

::

    python -m benchmarks.gradients --rounds 20

Times are seconds of a step on the clock. The ratio is the time without that part over the time with all of them.
"""

import dataclasses
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import jax
import numpy as np
import tyro

from benchmarks.paired import Turns, ratio
from benchmarks.step import N_CLASSES, made_up
from genrestream.errors import UsageError
from genrestream.models.layers.gradients import FAST, only_fast
from train import cnn, crnn
from train.command.entry import entry
from train.data.tracks import DataConfig
from train.loop import step as steps
from train.loop.config import RunConfig
from train.loop.sharding import keep_memory, use_every_core

NETWORKS: dict[str, Callable[..., RunConfig]] = {"cnn": cnn.Config, "crnn": crnn.Config}
SETTINGS = ("keep_memory", "use_every_core")
IN_A_ROW = 5  # steps of a turn


@dataclasses.dataclass(frozen=True)
class Config:
    """What to measure.

    Attributes:
        rounds: Turns of each variant.
        networks: The networks to time.
        without: Parts to leave out, one at a time; every part by default.
        serve: Run as one variant and take turns on request; for this program's own use.
    """

    rounds: int = 20
    networks: tuple[Literal["cnn", "crnn"], ...] = ("cnn", "crnn")
    without: tuple[str, ...] = ()
    serve: bool = False

    def __post_init__(self) -> None:
        if unknown := set(self.without) - {*FAST, *SETTINGS}:
            raise UsageError(f"--without {sorted(unknown)[0]}: must be of {', '.join((*FAST, *SETTINGS))}")


def serve(network: str, without: tuple[str, ...]) -> None:
    """For each line of standard input make some steps and print the seconds of one."""
    run = NETWORKS[network](data=DataConfig(Path()))
    if "use_every_core" not in without:
        use_every_core(run.step.batch_size)
    if "keep_memory" not in without:
        keep_memory()
    with only_fast(*(name for name in FAST if name not in without)):
        step = steps.Step(steps.Network(run.design.module(N_CLASSES, seed=0)), None, N_CLASSES, config=run.step)
        batch, state = step.to_devices(made_up(run.design, run.step.batch_size)), step.start()
        state, _ = step.train(state, batch)
    jax.block_until_ready(state)
    for _ in sys.stdin:
        state, _ = step.train(state, batch)  # the threads wake up
        jax.block_until_ready(state)
        began = time.perf_counter()
        for _ in range(IN_A_ROW):
            state, _ = step.train(state, batch)
        jax.block_until_ready(state)
        print((time.perf_counter() - began) / IN_A_ROW, flush=True)


def compare(network: str, variants: dict[str, tuple[str, ...]], n_rounds: int) -> None:
    """Print each variant's time as a ratio to that of all parts together."""
    serving = [sys.executable, "-m", __spec__.name, "--serve", "--networks", network, "--without"]
    processes = {name: Turns([*serving, *without]) for name, without in variants.items()}
    seconds: dict[str, list[float]] = {name: [] for name in processes}
    try:
        for _ in range(1 + n_rounds):
            for name, process in processes.items():
                seconds[name].append(process.seconds())
    finally:
        for process in processes.values():
            process.close()
    seconds = {name: times[1:] for name, times in seconds.items()}  # without the first turn, which warms up
    print(f"{network}: {1000 * np.median(seconds['all']):.0f} ms a step with all")
    for name in [name for name in seconds if name != "all"]:
        print(f"{network}, {name}: {ratio(seconds['all'], seconds[name])}", flush=True)


def main(config: Config) -> None:
    """Serve one variant, or compare them all."""
    if config.serve:
        return serve(config.networks[0], config.without)
    names = config.without or (*FAST, *SETTINGS)
    variants = {"all": (), **{f"without {name}": (name,) for name in names}}
    if not config.without:
        variants["XLA's own gradients"] = FAST
    for network in config.networks:
        compare(network, variants, config.rounds)
    return None


if __name__ == "__main__":
    entry(lambda: main(tyro.cli(Config, description=__doc__)))
