"""Train the CRNN of system D: 12 kHz, 96 mel bands, five convolution layers, two GRU layers.

On a laptop; on one GPU; on a TPU slice of several hosts, each of which runs the same command::

    python -m train.crnn --data ../shared/data/gtzan
    python -m train.crnn --data ../shared/data/gtzan --compute bfloat16 --batch-size 256 --n-workers 8
    python -m train.crnn --data ~/fma --split official --compute bfloat16 --batch-size 1024 --distributed
    python -m train.crnn --data ../shared/data/gtzan --folds --no-validate   # five folds and all, one after another
"""

import dataclasses
from pathlib import Path

from genrestream.audio.conditioning import LevelConfig
from genrestream.features.config import LogMelConfig
from genrestream.models import CRNNConfig
from train.loop.config import ScratchConfig
from train.loop.loop import LoopConfig
from train.loop.optimizer import StepConfig
from train.loop.run import main


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(ScratchConfig):
    """The training of a CRNN."""

    output: Path = Path("runs/crnn")
    step: StepConfig = StepConfig(learning_rate=2e-3)
    loop: LoopConfig = LoopConfig(n_epochs=14)
    model: CRNNConfig = CRNNConfig()
    frontend: LogMelConfig = LogMelConfig(sample_rate=12_000, n_samples=36_000, n_frames=141, level=LevelConfig())


if __name__ == "__main__":
    main(Config)
