"""Pre-train the spectrogram transformer without labels, by predicting masked patches.

``train.transformer --init`` starts from it.

Folds keep artists apart here too, so that no fold's encoder is trained on an artist that the fold tests::

    python -m train.pretrain --data ../shared/data/gtzan --more ../shared/data/songs --folds --no-validate
    python -m train.transformer --data ../shared/data/gtzan --folds --no-validate --init runs/pretrained
"""

import dataclasses
from pathlib import Path

from genrestream.features.config import LogMelConfig
from genrestream.models import TransformerConfig
from train import transformer
from train.augment.config import OFF, AugmentConfig
from train.loop.loop import LoopConfig
from train.loop.optimizer import StepConfig
from train.loop.run import main
from train.pretrain.encoder import PretrainConfig, pretrain


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(PretrainConfig):
    """The pre-training of a spectrogram transformer."""

    output: Path = Path("runs/pretrained")
    augment: AugmentConfig = OFF
    step: StepConfig = StepConfig(learning_rate=2e-3, weight_decay=0.05)
    loop: LoopConfig = LoopConfig(n_epochs=10)
    model: TransformerConfig = TransformerConfig(dropout=0.0, stochastic_depth=0.0)
    frontend: LogMelConfig = transformer.FRONTEND


if __name__ == "__main__":
    main(Config, pretrain)
