"""The config of a training run, which also defines its command line, and the digest that identifies the run."""

import abc
import dataclasses
import hashlib
from pathlib import Path
from typing import Any, ClassVar

import grain
from flax import nnx

from genrestream.errors import UsageError
from genrestream.features.config import FrontendConfig
from genrestream.models import MODELS
from train.augment.config import AugmentConfig
from train.command.paths import address_of, check_folder
from train.command.remote import local
from train.data import shards
from train.data.cache import AudioCache
from train.data.splits import PUBLISHED, Split
from train.data.tracks import DataConfig
from train.input import examples
from train.input.batching import Element
from train.input.sampling import SamplingConfig
from train.loop.loop import LoopConfig
from train.loop.optimizer import StepConfig
from train.loop.step import Network, Step, in_steps

MAX_CHUNKS = 100  # in a training example; each is a part of the compiled step


@dataclasses.dataclass(frozen=True)
class Design:
    """A network to train: its name in MODELS, its config and its front end's config."""

    model: str
    config: Any
    frontend: FrontendConfig

    @property
    def is_stateful(self) -> bool:
        """Whether the network carries its state from chunk to chunk of a stream."""
        return getattr(self.config, "stateful", False)

    def network(self, n_classes: int, seed: int) -> Network:
        """Return the network to train; a stateful one takes a step for each chunk of an example."""
        frontend: Any = self.frontend
        return Network(self.module(n_classes, seed), forward=in_steps(frontend.n_frames) if self.is_stateful else None)

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
    """The training options of every network.

    Attributes:
        output: Folder of the run; an address such as s3://bucket/run is written to while the training goes on.
        data: The music, and how it is divided.
        sampling: How often tracks, artists and classes are drawn.
        augment: How crops are changed.
        step: How the weights are changed.
        loop: How long to train, and what to save.
        seed: Seed of all random draws, except those of the folds.
        n_workers: Processes that prepare batches; 0 for a thread of this process.
        folds: Train one model for each fold, then one on everything; finished models are not trained again.
        distributed: This is one process of several; jax.distributed.initialize finds the others. TPU pods and Slurm
            need no settings; elsewhere set JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID.
        dry_run: Only say what the training would take: tracks, parameters, memory, steps, time; write no run.
    """

    step_type: ClassVar[type[Step]] = Step
    is_trained_in_steps: ClassVar[bool] = False  # all of it, so that its time can be predicted

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
    dry_run: bool = False

    def __post_init__(self) -> None:
        check_folder("--output", self.output)
        if self.loop.patience and not self.data.validate:
            raise UsageError(f"--patience {self.loop.patience}: needs tracks to validate on; leave --no-validate out")

    @property
    @abc.abstractmethod
    def design(self) -> Design:
        """The network to train."""

    def network(self, split: Split) -> Network:
        """Return the network with the weights that the training starts from."""
        return self.design.network(len(split.genres), self.seed)

    @property
    def example(self) -> FrontendConfig:
        """The front end of a training example."""
        return self.design.frontend

    @property
    def validates(self) -> bool:
        """Whether the training makes use of validation tracks; otherwise they are trained on too."""
        return True

    def next_steps(self, last: Path) -> list[str]:
        """Return where the run's last model is, a folder below ``last``, and what to do with it."""
        first, *more = [address_of(path) or str(path) for path in (self.data.data, *self.data.more)]
        if shards.is_here(local(self.data.data)):
            first = "FOLDER_OF_THE_MUSIC"
        folders = [first, *(["--more", *more] if more else [])]
        lines = [f"model: {last / 'model'}"]
        if self.folds or self.data.fold is not None or self.data.split in PUBLISHED:
            run = last.parent if self.folds else last
            lines.append(f"next: python -m train.evaluate {run} --data {' '.join(folders)}")
        return [*lines, f"{'or' if len(lines) > 1 else 'next'}: genrestream listen --model {last / 'model'}"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScratchConfig(RunConfig):
    """The options of networks that are trained from scratch; augmentation is weaker than the default.

    Attributes:
        n_chunks: Of a stateful network: consecutive chunks in a training example; no gradient goes from one to another.
        model: Sizes of the network.
        frontend: The features that it receives; for a stateful network they become causal, with a hop that fits it.
    """

    is_trained_in_steps: ClassVar[bool] = True

    augment: AugmentConfig = AugmentConfig(equalise_db=0.0, noise=0.2, distort=0.2, spec_masks=1, mixup=0.1)
    n_chunks: int = 4
    model: Any
    frontend: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.n_chunks <= MAX_CHUNKS:
            raise UsageError(f"--n-chunks {self.n_chunks}: must be from 1 to {MAX_CHUNKS}")

    @property
    def design(self) -> Design:
        """The network to train."""
        name = next(name for name, (config, _) in MODELS.items() if isinstance(self.model, config))
        design = Design(name, self.model, self.frontend)
        if not design.is_stateful:
            return design
        return dataclasses.replace(design, frontend=self.frontend.causal_by(self.model.stride))

    @property
    def example(self) -> FrontendConfig:
        """The front end of a training example: of a stateful network several chunks one after another."""
        frontend: Any = self.design.frontend
        return frontend.times(self.n_chunks) if self.design.is_stateful else frontend


def n_steps(config: RunConfig, n_crops: int) -> int:
    """Return the number of steps of the whole run, the same in each epoch."""
    return config.loop.n_epochs * max(1, n_crops // config.step.batch_size)


def n_crops_of(config: RunConfig, split: Split, cache: AudioCache) -> int:
    """Return the number of crops in an epoch, over the tracks of all hosts."""
    return examples.n_crops(split.train, cache, config.example, config.sampling)


def crops_of(config: RunConfig, split: Split, cache: AudioCache, seed: int | None = None) -> grain.MapDataset[Element]:
    """Return an epoch of random crops of a run's training tracks; by the run's seed where none is given."""
    seed = config.seed if seed is None else seed
    return examples.crops(split.train, split.genres, cache, config.example, config.augment, config.sampling, seed)


def step_of(config: RunConfig, split: Split, n_crops: int, network: Network | None = None) -> Step:
    """Return the step of a run.

    Args:
        config: Its options.
        split: Its tracks.
        n_crops: Crops in an epoch.
        network: The network to start from; the config's where not given.
    """
    return config.step_type(
        network or config.network(split),
        config.example,
        len(split.genres),
        config.augment,
        config.step,
        n_steps(config, n_crops),
        config.seed,
    )


def identity(config: RunConfig, split: Split) -> str:
    """Return a digest of all options and tracks that determine the weights; other options may change on resuming."""
    plain = dataclasses.replace(
        config,
        output=Path(),
        data=DataConfig(Path()),
        loop=LoopConfig(n_epochs=config.loop.n_epochs),
        n_workers=0,
        folds=False,
        distributed=False,
        dry_run=False,
    )
    # Where tracks are assigned to hosts, each host has an order of its own.
    sides = [
        [track.name if track.host is None else (track.name, track.host) for track in side]
        for side in (split.train, split.validation, split.test)
    ]
    return hashlib.sha256(repr((plain, sides)).encode()).hexdigest()
