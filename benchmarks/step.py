"""A training step's time against PyTorch with the same network, batch and optimizer, paired in one run.

PyTorch lives in an environment of its own (``pip install torch numpy``)::

    python -m benchmarks.step --torch /path/to/torch/bin/python

PyTorch runs with channels last and with channels first; the faster one counts. Both take features and labels, and end
with updated weights: forward, loss, backward, Adam, on all cores.
"""

import dataclasses
import subprocess
from pathlib import Path

import jax
import numpy as np
import tyro

from benchmarks.paired import ratio, seconds_of
from genrestream.frontend import LogMelConfig
from genrestream.models import CNNConfig, CRNNConfig
from train.cnn import Config as CNNRun
from train.crnn import Config as CRNNRun
from train.data import DataConfig
from train.run import Design
from train.step import Network, Step, StepConfig, use_every_core

BATCH_SIZE, N_CLASSES = 32, 10
IN_A_ROW = 10  # steps; each side's first after the other's turn is not counted, its threads must wake


@dataclasses.dataclass(frozen=True)
class Config:
    """What is compared.

    Attributes:
        torch: A Python that has torch.
        pairs: Turns of each, of several steps in a row.
    """

    torch: Path
    pairs: int = 20


class Peer:
    """A process with PyTorch that makes some steps whenever it is told to."""

    def __init__(self, python: Path, design: Design, layout: str):
        script = Path(__file__).with_name("torch_step.py")
        sizes = [design.model, layout, *map(str, (IN_A_ROW, BATCH_SIZE, *design.frontend.shape))]
        self.process = subprocess.Popen(
            [str(python), str(script), *sizes], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def seconds(self) -> float:
        """Return the seconds of a step, the mean of one turn."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def compare(name: str, design: Design, config: Config) -> None:
    """Print both times and the ratio."""
    peers = {layout: Peer(config.torch, design, layout) for layout in ("channels_last", "channels_first")}
    step = Step(
        Network(design.module(N_CLASSES, seed=0)),
        None,
        N_CLASSES,
        config=StepConfig(batch_size=BATCH_SIZE, optimizer="adam", clip_norm=0, average_decay=0, label_smoothing=0),
        n_steps=1000,
    )
    rng = np.random.default_rng(0)
    batch = step.to_devices(
        {
            "inputs": rng.normal(size=(BATCH_SIZE, *design.frontend.shape)).astype(np.float32),
            "label": np.arange(BATCH_SIZE, dtype=np.int32) % N_CLASSES,
            "weight": np.ones(BATCH_SIZE, np.float32),
        }
    )
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
        for layout, peer in peers.items():
            seconds[layout].append(peer.seconds())
    seconds = {who: times[1:] for who, times in seconds.items()}  # without the turn that compiled
    best = min(peers, key=lambda layout: float(np.median(seconds[layout])))
    medians_ms = {who: 1000 * float(np.median(times)) for who, times in seconds.items()}
    print(f"{name}: " + ", ".join(f"{who} {ms:.0f} ms" for who, ms in medians_ms.items()))
    print(f"{name}: times faster than PyTorch ({best}) {ratio(seconds['ours'], seconds[best])}", flush=True)
    for peer in peers.values():
        peer.process.kill()


def main(config: Config) -> None:
    """Compare both networks."""
    use_every_core(BATCH_SIZE)
    data = DataConfig(Path())
    cnn, crnn = CNNRun(data=data), CRNNRun(data=data)
    assert isinstance(cnn.model, CNNConfig)
    assert isinstance(crnn.model, CRNNConfig)
    assert isinstance(cnn.frontend, LogMelConfig)
    compare("cnn", cnn.design, config)
    compare("crnn", crnn.design, config)


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
