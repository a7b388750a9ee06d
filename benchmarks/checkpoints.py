"""How long a training stands for a checkpoint, and how long writing one takes.

::

python -m benchmarks.checkpoints    # train.cnn's state, in a folder of this one
"""

import tempfile
import time
from pathlib import Path

import numpy as np

from train.cnn import Config
from train.data.tracks import DataConfig
from train.input.batching import batches
from train.input.examples import rows
from train.loop.state_checkpoints import Saved
from train.loop.step import Network, Step

N_SAVES = 15


def main() -> None:
    """Measure and print."""
    config = Config(data=DataConfig(Path()))
    design = config.design
    step = Step(Network(design.module(10, 0)), design.frontend, 10, config.augment, config.step)
    state, iterator = step.start(), iter(batches(rows(np.zeros((4, 2), np.float32), np.zeros(4, np.int32)), 2))
    stood_s, took_s = list[float](), list[float]()
    with tempfile.TemporaryDirectory(dir=Path()) as folder:
        saved = Saved(Path(folder), step, resume=False, identity="measured")
        for number in range(1, N_SAVES + 1):
            begin = time.perf_counter()
            saved.save(number, state, iterator)
            stood_s.append(time.perf_counter() - begin)
            saved.wait()
            took_s.append(time.perf_counter() - begin)
    iterator.close()
    for words, times_s in (("stands for", stood_s), ("takes", took_s)):
        low, middle, high = np.quantile(1e3 * np.array(times_s), [0.25, 0.5, 0.75])
        print(f"a save {words} {middle:.0f} ms (quartiles {low:.0f} to {high:.0f})")


if __name__ == "__main__":
    main()
