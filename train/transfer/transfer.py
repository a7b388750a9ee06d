"""Transfer learning: a network with pretrained weights and a new head, frozen or trained further."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
from flax import nnx

from genrestream.errors import UsageError
from genrestream.inference.network import Parts
from train.augment.config import AugmentConfig
from train.data.cache import AudioCache
from train.data.splits import Split
from train.loop.card import export
from train.loop.config import RunConfig
from train.loop.loop import LoopConfig
from train.loop.optimizer import StepConfig
from train.loop.run import fit
from train.loop.step import Network
from train.transfer.head import HeadConfig, fit_head, frozen, track_features
from train.transfer.held_out import say_held_out

KEPT = ("input_norm", "front")  # low-level filters that suit all music


@dataclasses.dataclass(frozen=True, kw_only=True)
class TransferConfig(RunConfig):
    """The training of a pretrained network.

    Attributes:
        head: How the head on the frozen network is fitted.
        fine_tune: Then also train the layers above the front end's filters, on random crops.
        step: The optimizer of that training.
        loop: How long, and what is kept.
    """

    augment: AugmentConfig = AugmentConfig(codec=0.1)
    head: HeadConfig = HeadConfig()
    fine_tune: bool = False
    step: StepConfig = StepConfig(learning_rate=1e-4, label_smoothing=0.0)
    loop: LoopConfig = LoopConfig(n_epochs=5)

    @property
    def validates(self) -> bool:
        """Only the second half, if it is asked for, makes use of validation tracks."""
        return self.fine_tune


def transfer(config: TransferConfig, split: Split, cache: AudioCache, folder: Path) -> None:
    """Fit the head and write the model, or continue with fine-tuning.

    Raises:
        UsageError: The pretrained network has another front end.
    """
    pretrained = frozen(config.head.pretrained)
    frontend: Any = config.design.frontend  # a MusiCNN's
    if pretrained.model.card.frontend != dataclasses.replace(frontend, level=None):
        raise UsageError(
            f"--pretrained {config.head.pretrained}: its front end differs from that of the network to train"
        )
    kernel, bias = fit_head(
        split.train, split.genres, cache, config.head, frontend, config.augment, config.sampling, config.seed
    )
    module = config.design.module(len(split.genres), config.seed)
    weights = pretrained.weights | {"output.kernel": kernel, "output.bias": bias}
    network = Network(Parts(module).together(weights), lambda name: name.startswith(KEPT), _with_fixed_statistics)
    if config.fine_tune:
        fit(config, split, cache, folder, network, pretrained.model)
    else:
        export(folder / "model", config, split, network.params | network.statistics, pretrained.model)
        plain = dataclasses.replace(config.head, hop_s=3.0, n_views=0)
        rows = [track_features(track, cache, plain, frontend, config.augment, config.seed) for track in split.test]
        say_held_out(split.test, split.genres, rows, kernel, bias)


def _with_fixed_statistics(module: Any, x: jax.Array) -> jax.Array:
    """Keep batch norm's statistics: a million songs give better ones than a batch."""
    return nnx.view(module, use_running_average=True)(x)
