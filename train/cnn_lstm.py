"""Train the 1-D CNN-LSTM of system E on sequences of MFCCs.

On a laptop; on one GPU; on a TPU slice of several hosts, each of which runs the same command::

    python -m train.cnn_lstm --data ../shared/data/gtzan
    python -m train.cnn_lstm --data ../shared/data/gtzan --batch-size 256 --n-workers 8
    python -m train.cnn_lstm --data ~/fma --split official --batch-size 1024 --distributed
    python -m train.cnn_lstm --data ../shared/data/gtzan --folds --no-validate  # five folds and all, one after another
"""

import dataclasses
from pathlib import Path

from genrestream.audio.conditioning import LevelConfig
from genrestream.features.config import MfccConfig
from genrestream.models import CNNLSTMConfig
from train.loop.config import ScratchConfig
from train.loop.loop import LoopConfig
from train.loop.optimizer import StepConfig
from train.loop.run import main


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(ScratchConfig):
    """The training of a CNN-LSTM."""

    output: Path = Path("runs/cnn_lstm")
    step: StepConfig = StepConfig(batch_size=64, learning_rate=2e-3)
    loop: LoopConfig = LoopConfig(n_epochs=20)
    model: CNNLSTMConfig = CNNLSTMConfig()
    frontend: MfccConfig = MfccConfig(n_fft=1024, hop_length=512, n_mels=64, n_frames=94, level=LevelConfig())


if __name__ == "__main__":
    main(Config)
