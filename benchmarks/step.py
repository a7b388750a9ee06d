"""A training step's time against PyTorch with the same network, batch and optimizer, paired in one run.

PyTorch is in a separate environment (``pip install torch numpy``)::

    python -m benchmarks.step --torch /path/to/torch/bin/python

PyTorch runs with channels last and with channels first; the faster one counts. Both take features and labels, and end
with updated weights: forward, loss, backward, Adam, on all cores.
"""

import dataclasses
import math
from pathlib import Path

import jax
import numpy as np
import tyro

from benchmarks.paired import Turns, ratio, seconds_of
from genrestream.errors import UsageError
from train.cnn import Config as CNNRun
from train.command.entry import entry
from train.crnn import Config as CRNNRun
from train.data.tracks import DataConfig
from train.loop.config import Design, RunConfig
from train.loop.optimizer import StepConfig
from train.loop.sharding import keep_memory, use_every_core
from train.loop.step import Network, Step

N_CLASSES = 10
IN_A_ROW = 10  # steps; the first step of each turn is not counted, because the threads must wake up


@dataclasses.dataclass(frozen=True)
class Config:
    """What to compare.

    Attributes:
        torch: A Python that has torch.
        pairs: Turns of each side; a turn is several steps.
        batch_size: Chunks in a step; 0 for each network's default.
    """

    torch: Path
    pairs: int = 20
    batch_size: int = 0


def peer(python: Path, design: Design, layout: str, batch_size: int, n_parameters: int) -> Turns:
    """Start a process with PyTorch that makes some steps in each turn.

    Raises:
        UsageError: It does not start, or its network differs from ours.
    """
    script = Path(__file__).with_name("torch_step.py")
    arguments = [design.model, layout, *map(str, (IN_A_ROW, batch_size, *design.frontend.shape))]
    try:
        turns = Turns([str(python), str(script), *arguments])
        theirs = turns.number()
    except (OSError, RuntimeError) as error:
        raise UsageError(f"--torch {python}: must be a Python that has torch and numpy ({error})") from error
    if theirs != n_parameters:
        turns.close()
        raise UsageError(f"{script}: its {design.model} does not have our {n_parameters:,} parameters; change it")
    return turns


def made_up(design: Design, batch_size: int) -> dict[str, np.ndarray]:
    """Return a batch of random features."""
    shape = [int(length) for length in np.array(design.frontend.shape)]
    return {
        "inputs": np.random.default_rng(0).normal(size=(batch_size, *shape)).astype(np.float32),
        "label": np.arange(batch_size, dtype=np.int32) % N_CLASSES,
        "weight": np.ones(batch_size, np.float32),
    }


def compare(run: RunConfig, config: Config) -> None:
    """Print both times and the ratio."""
    design, batch_size = run.design, config.batch_size or run.step.batch_size
    name = f"{design.model}, {batch_size} chunks"
    network = Network(design.module(N_CLASSES, seed=0))
    n_parameters = sum(array.size for array in network.params.values())
    layouts = ("channels_last", "channels_first")
    peers = {layout: peer(config.torch, design, layout, batch_size, n_parameters) for layout in layouts}
    step = Step(
        network,
        None,
        N_CLASSES,
        config=StepConfig(batch_size=batch_size, optimizer="adam", clip_norm=0, average_decay=0, label_smoothing=0),
        n_steps=1000,
    )
    batch = step.to_devices(made_up(design, batch_size))
    state = step.start()

    def steps(number: int) -> None:
        nonlocal state
        for _ in range(number):
            state, _ = step.train(state, batch)
        jax.block_until_ready(state)

    seconds: dict[str, list[float]] = {"ours": [], **{layout: [] for layout in peers}}
    for _ in range(1 + config.pairs):
        steps(1)
        seconds["ours"].append(seconds_of(lambda: steps(IN_A_ROW)) / IN_A_ROW)
        for layout, turns in peers.items():
            seconds[layout].append(turns.seconds())
    seconds = {who: times[1:] for who, times in seconds.items()}  # without the turn that compiled
    best = min(peers, key=lambda layout: float(np.median(seconds[layout])))
    medians_ms = {who: 1000 * float(np.median(times)) for who, times in seconds.items()}
    print(f"{name}: " + ", ".join(f"{who} {ms:.0f} ms" for who, ms in medians_ms.items()))
    print(f"{name}: times faster than PyTorch ({best}) {ratio(seconds['ours'], seconds[best])}", flush=True)
    for turns in peers.values():
        turns.close()


def main(config: Config) -> None:
    """Compare both networks."""
    data = DataConfig(Path())
    runs = (CNNRun(data=data), CRNNRun(data=data))
    use_every_core(config.batch_size or math.gcd(*(run.step.batch_size for run in runs)))
    keep_memory()
    for run in runs:
        compare(run, config)


if __name__ == "__main__":
    entry(lambda: main(tyro.cli(Config, description=__doc__)))
