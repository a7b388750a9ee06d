"""Train the spectrogram transformer on patches of 0.25 s and 16 mel bands.

On a laptop; on one GPU; on a TPU slice of several hosts, each of which runs the same command::

    python -m train.transformer --data ../shared/data/gtzan
    python -m train.transformer --data ../shared/data/gtzan --compute bfloat16 --batch-size 256 --n-workers 8
    python -m train.transformer --data ~/fma --split official --compute bfloat16 --batch-size 1024 --distributed
    python -m train.transformer --data ../shared/data/gtzan --folds --no-validate   # five folds and all
"""

import dataclasses
from pathlib import Path

from genrestream.audio.conditioning import LevelConfig
from genrestream.features.config import LogMelConfig
from genrestream.models import TransformerConfig
from train.loop.config import ScratchConfig
from train.loop.loop import LoopConfig
from train.loop.optimizer import StepConfig
from train.loop.run import main


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(ScratchConfig):
    """The training of a spectrogram transformer."""

    output: Path = Path("runs/transformer")
    step: StepConfig = StepConfig(learning_rate=1e-3)
    loop: LoopConfig = LoopConfig(n_epochs=20)
    model: TransformerConfig = TransformerConfig()
    frontend: LogMelConfig = LogMelConfig(n_fft=1024, hop_length=500, n_mels=64, n_frames=96, level=LevelConfig())


if __name__ == "__main__":
    main(Config)
