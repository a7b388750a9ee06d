"""Train MusiCNN for genres: a logistic head on the pretrained network, then, if asked, its upper layers with it.

On a laptop; with the upper layers, on one GPU; five folds and all, one after another::

    python -m train.musicnn --data ../shared/data/gtzan
    python -m train.musicnn --data ../shared/data/gtzan --fine-tune --batch-size 64 --n-workers 8
    python -m train.musicnn --data ../shared/data/gtzan --folds --no-validate
"""

import dataclasses
from pathlib import Path

from genrestream.audio.conditioning import LevelConfig
from genrestream.features.config import LogMelConfig
from genrestream.models import MusiCNNConfig
from train.loop.config import Design
from train.loop.run import main
from train.transfer.transfer import TransferConfig, transfer


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(TransferConfig):
    """The training of a MusiCNN.

    Attributes:
        output: Folder of the run.
    """

    output: Path = Path("runs/musicnn")

    @property
    def design(self) -> Design:
        """What is trained."""
        return Design("musicnn", MusiCNNConfig(head="pooled"), LogMelConfig(level=LevelConfig()))


if __name__ == "__main__":
    main(Config, transfer)
