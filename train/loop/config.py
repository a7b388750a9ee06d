"""The config of a training run: what is trained, on what, how, and for how long."""

import abc
import dataclasses
import hashlib
from pathlib import Path
from typing import Any

from flax import nnx

from genrestream.errors import UsageError
from genrestream.features.config import FrontendConfig
from genrestream.models import MODELS
from train.augment.config import AugmentConfig
from train.data.splits import Split
from train.data.tracks import DataConfig
from train.input.sampling import SamplingConfig
from train.loop.loop import LoopConfig
from train.loop.optimizer import StepConfig


@dataclasses.dataclass(frozen=True)
class Design:
    """What is trained: the network's name in MODELS, its config, and the front end that it hears through."""

    model: str
    config: Any
    frontend: FrontendConfig

    def module(self, n_classes: int, seed: int) -> nnx.Module:
        """Return the network with initial weights.

        Raises:
            UsageError: Its config does not fit the front end.
        """
        try:
            return MODELS[self.model][1](self.config, self.frontend.shape, n_classes, rngs=nnx.Rngs(seed))
        except ValueError as error:
            raise UsageError(f"{self.model}: {error}") from error


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig(abc.ABC):
    """What the training of every network has in common.

    Attributes:
        output: Folder of the run.
        data: The music, and how it is divided.
        sampling: How often tracks and classes are heard.
        augment: How crops are changed.
        step: How the weights are changed.
        loop: How long, and what is kept.
        seed: Of everything that is drawn but the folds.
        n_workers: Processes that prepare batches; 0 for a thread of this one.
        folds: Train one model a fold, one after another, and one on everything; what is finished is not trained again.
        distributed: This is one process of several: find the others by jax.distributed.initialize, which TPU pods and
            Slurm configure; elsewhere the variables JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID do.
    """

    output: Path
    data: DataConfig
    sampling: SamplingConfig = SamplingConfig()
    augment: AugmentConfig = AugmentConfig()
    step: StepConfig = StepConfig()
    loop: LoopConfig = LoopConfig()
    seed: int = 0
    n_workers: int = 0
    folds: bool = False
    distributed: bool = False

    @property
    @abc.abstractmethod
    def design(self) -> Design:
        """What is trained."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScratchConfig(RunConfig):
    """What the training of networks from scratch has in common: less is changed in the music than elsewhere.

    Attributes:
        model: Sizes of the network.
        frontend: What it hears through.
    """

    augment: AugmentConfig = AugmentConfig(equalise_db=0, noise=0.2, distort=0.2, spec_masks=1, mixup=0.1)
    model: Any
    frontend: Any

    @property
    def design(self) -> Design:
        """What is trained."""
        name = next(name for name, (config, _) in MODELS.items() if isinstance(self.model, config))
        return Design(name, self.model, self.frontend)


def identity(config: RunConfig, split: Split) -> str:
    """Return a digest of all that the weights follow from, without what may differ when a run goes on."""
    plain = dataclasses.replace(
        config,
        output=Path(),
        data=DataConfig(Path()),
        loop=LoopConfig(n_epochs=config.loop.n_epochs),
        n_workers=0,
        folds=False,
        distributed=False,
    )
    sides = [[track.name for track in side] for side in (split.train, split.validation, split.test)]
    return hashlib.sha256(repr((plain, sides)).encode()).hexdigest()
