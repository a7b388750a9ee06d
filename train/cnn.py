"""Train the 2-D CNN on log-mel spectrograms: a small residual network, or system E's three layers.

On a laptop; on one GPU; on a TPU slice of several hosts, each of which runs the same command::

    python -m train.cnn --data ../shared/data/gtzan
    python -m train.cnn --data ../shared/data/gtzan --compute bfloat16 --batch-size 256 --n-workers 8
    python -m train.cnn --data ~/fma --split official --compute bfloat16 --batch-size 1024 --distributed
    python -m train.cnn --data ../shared/data/gtzan --folds --no-validate   # five folds and all, one after another
    python -m train.cnn --data ../shared/data/gtzan --no-residual --n-filters 32 32 32 --n-units 32 16   # system E
"""

import dataclasses
from pathlib import Path

from genrestream.audio.conditioning import LevelConfig
from genrestream.features.config import LogMelConfig
from genrestream.models import CNNConfig
from train.loop.config import ScratchConfig
from train.loop.loop import LoopConfig
from train.loop.optimizer import StepConfig
from train.loop.run import main


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(ScratchConfig):
    """The training of a CNN."""

    output: Path = Path("runs/cnn")
    step: StepConfig = StepConfig(batch_size=16, learning_rate=1.4e-3)
    loop: LoopConfig = LoopConfig(n_epochs=16)
    model: CNNConfig = CNNConfig()
    frontend: LogMelConfig = LogMelConfig(n_fft=1024, hop_length=512, n_mels=64, n_frames=94, level=LevelConfig())


if __name__ == "__main__":
    main(Config)
