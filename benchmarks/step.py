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
from train.step import Network, Step, StepConfig

BATCH_SIZE, N_CLASSES, WARM_UP = 32, 10, 3


@dataclasses.dataclass(frozen=True)
class Config:
    """What is compared.

    Attributes:
        torch: A Python that has torch.
        pairs: Steps of each.
    """

    torch: Path
    pairs: int = 30


class Peer:
    """A process with PyTorch that makes a step whenever it is told to."""

    def __init__(self, python: Path, design: Design, layout: str):
        script = Path(__file__).with_name("torch_step.py")
        sizes = [design.model, layout, str(BATCH_SIZE), *map(str, design.frontend.shape)]
        self.process = subprocess.Popen(
            [str(python), str(script), *sizes], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def step(self) -> float:
        """Return the seconds that a step took."""
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

    def ours() -> None:
        nonlocal state
        state, figures = step.train(state, batch)
        jax.block_until_ready((state, figures))

    seconds: dict[str, list[float]] = {"ours": [], **{layout: [] for layout in peers}}
    for _ in range(config.pairs + WARM_UP):
        seconds["ours"].append(seconds_of(ours))
        for layout, peer in peers.items():
            seconds[layout].append(peer.step())
    seconds = {who: times[WARM_UP:] for who, times in seconds.items()}
    best = min(peers, key=lambda layout: float(np.median(seconds[layout])))
    medians_ms = {who: 1000 * float(np.median(times)) for who, times in seconds.items()}
    print(f"{name}: " + ", ".join(f"{who} {ms:.0f} ms" for who, ms in medians_ms.items()))
    print(f"{name}: times faster than PyTorch ({best}) {ratio(seconds['ours'], seconds[best])}", flush=True)
    for peer in peers.values():
        peer.process.kill()


def main(config: Config) -> None:
    """Compare both networks."""
    data = DataConfig(Path())
    cnn, crnn = CNNRun(data=data), CRNNRun(data=data)
    assert isinstance(cnn.model, CNNConfig)
    assert isinstance(crnn.model, CRNNConfig)
    assert isinstance(cnn.frontend, LogMelConfig)
    compare("cnn", cnn.design, config)
    compare("crnn", crnn.design, config)


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
