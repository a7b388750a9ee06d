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

from genrestream.frontend import LogMelConfig
from genrestream.models import CNNConfig
from train.run import Design, RunConfig, main


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(RunConfig):
    """The training of a CNN.

    Attributes:
        output: Folder of the run.
        model: Sizes of the network.
        frontend: The log-mel spectrogram that it sees.
    """

    output: Path = Path("runs/cnn")
    model: CNNConfig = CNNConfig()
    frontend: LogMelConfig = LogMelConfig(n_fft=1024, hop_length=512, n_mels=64, n_frames=94)

    @property
    def design(self) -> Design:
        """What is trained."""
        return Design("cnn", self.model, self.frontend)


if __name__ == "__main__":
    main(Config)
