"""Train the spectrogram transformer on patches of 0.25 s and 16 mel bands.

On a laptop; on one GPU; on a TPU slice of several hosts, each of which runs the same command::

    python -m train.transformer --data ../shared/data/gtzan
    python -m train.transformer --data ../shared/data/gtzan --compute bfloat16 --batch-size 256 --n-workers 8
    python -m train.transformer --data ~/fma --split official --compute bfloat16 --batch-size 1024 --distributed
    python -m train.transformer --data ../shared/data/gtzan --folds --no-validate   # five folds and all
    python -m train.transformer --data ../shared/data/gtzan --init runs/pretrained   # from python -m train.pretrain
"""

import dataclasses
from pathlib import Path

from genrestream.audio.conditioning import LevelConfig
from genrestream.features.config import LogMelConfig
from genrestream.models import TransformerConfig
from train.command.paths import check_local
from train.data.splits import Split
from train.loop.config import ScratchConfig
from train.loop.loop import LoopConfig
from train.loop.optimizer import StepConfig
from train.loop.run import main
from train.loop.step import Network
from train.pretrain.encoder import warm

FRONTEND = LogMelConfig(n_fft=1024, hop_length=500, n_mels=64, n_frames=96, level=LevelConfig())  # 8 frames are 0.25 s


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(ScratchConfig):
    """The training of a spectrogram transformer.

    Attributes:
        init: Folder of a run of train.pretrain to start from; with --folds each fold starts from the same fold's.
    """

    output: Path = Path("runs/transformer")
    step: StepConfig = StepConfig(learning_rate=1e-3)
    loop: LoopConfig = LoopConfig(n_epochs=30)
    model: TransformerConfig = TransformerConfig()
    frontend: LogMelConfig = FRONTEND
    init: Path | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_local("--init", self.init)

    def network(self, split: Split) -> Network:
        """Return the network with initial or pre-trained weights."""
        network = super().network(split)
        return warm(network, self.init, self.data.fold, split) if self.init else network


if __name__ == "__main__":
    main(Config)
