"""Train MusiCNN for genres: a logistic head on the pretrained network, then, if asked, its upper layers with it.

On a laptop; with the upper layers, on one GPU; the figures of the README::

    python -m train.musicnn --data ../shared/data/gtzan
    python -m train.musicnn --data ../shared/data/gtzan --fine-tune --batch-size 64 --n-workers 8
    python -m train.musicnn --data ../shared/data/gtzan --folds --no-validate
"""

import dataclasses
from pathlib import Path

from genrestream.frontend import LogMelConfig
from genrestream.models import MusiCNNConfig
from train.cache import AudioCache
from train.data import Split
from train.head import HeadConfig
from train.loop import LoopConfig
from train.run import Design, RunConfig, main
from train.step import StepConfig
from train.transfer import transfer


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(RunConfig):
    """The training of a MusiCNN.

    Attributes:
        output: Folder of the run.
        head: How the head on the frozen network is fitted.
        fine_tune: Then train all above the front end's filters with it, on random crops.
    """

    output: Path = Path("runs/musicnn")
    head: HeadConfig = HeadConfig()
    fine_tune: bool = False
    step: StepConfig = StepConfig(learning_rate=1e-4, label_smoothing=0.0)
    loop: LoopConfig = LoopConfig(n_epochs=5)

    @property
    def design(self) -> Design:
        """What is trained."""
        return Design("musicnn", MusiCNNConfig(head="pooled"), LogMelConfig())


def fit(config: Config, split: Split, cache: AudioCache, folder: Path) -> None:
    """Train one model."""
    transfer(config, split, cache, folder, config.head, config.fine_tune)


if __name__ == "__main__":
    main(Config, fit)
