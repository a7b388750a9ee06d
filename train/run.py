"""A training run, from its config to a model's folder: what the entry points ``train.cnn`` and the others share.

::

    OUTPUT/                 one run, or with --folds one run a fold in fold0/ … and one on everything in all/
    ├── model/              the model, as genrestream file --model takes it
    ├── state/              checkpoints of the training, to resume from
    ├── metrics.jsonl       a line an epoch
    └── tensorboard/
"""

import abc
import concurrent.futures
import dataclasses
import hashlib
import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
import tyro
from flax import nnx

from genrestream import checkpoint
from genrestream.errors import OutputError, UsageError
from genrestream.frontend import FrontendConfig
from genrestream.models import MODELS
from genrestream.program import use_compile_cache
from train import pipeline
from train.augment import AugmentConfig
from train.cache import AudioCache
from train.data import DataConfig, Split, Track, load
from train.entry import entry
from train.loop import LoopConfig, Validation, train
from train.machine import keep_memory, use_every_core
from train.provenance import provenance
from train.saved import check_same_run
from train.splits import PUBLISHED
from train.step import Network, Step, StepConfig, Weights, gathered

EVALUATION_BATCH = 64
PROCESS_VARIABLES = ("JAX_NUM_PROCESSES", "JAX_PROCESS_ID")


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
    sampling: pipeline.SamplingConfig = pipeline.SamplingConfig()
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


Config = TypeVar("Config", bound=RunConfig)
Trainer = Callable[[Config, Split, AudioCache, Path], None]


def fit(
    config: RunConfig,
    split: Split,
    cache: AudioCache,
    folder: Path,
    network: Network | None = None,
    pretrained: checkpoint.Checkpoint | None = None,
) -> None:
    """Train a network on random crops and write its model; from initial weights where no network is given."""
    design = config.design
    crops = pipeline.crops(
        split.train, split.genres, cache, design.frontend, config.augment, config.sampling, config.seed
    )
    step = Step(
        network or Network(design.module(len(split.genres), config.seed)),
        design.frontend,
        len(split.genres),
        config.augment,
        config.step,
        n_steps(config, len(crops)),
        config.seed,
    )
    weights = train(
        step,
        shared_batches(config, crops),
        n_steps(config, len(crops)),
        config.loop,
        folder,
        identity(config, split),
        validation_of(split.validation, split.genres, cache, design),
    )
    export(folder / "model", config, split, weights, pretrained)


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


def n_steps(config: RunConfig, n_crops: int) -> int:
    """Return the steps of the whole run, a whole number an epoch."""
    return config.loop.n_epochs * max(1, n_crops // config.step.batch_size)


def shared_batches(config: RunConfig, examples: Any) -> Any:
    """Return this host's part of the batches."""
    n_hosts = jax.process_count()
    if config.step.batch_size % n_hosts:
        raise UsageError(f"--batch-size {config.step.batch_size}: must be divisible by the {n_hosts} processes")
    return pipeline.batches(
        examples,
        config.step.batch_size // n_hosts,
        config.seed,
        config.n_workers,
        prefetch=8,
        shard=(jax.process_index(), n_hosts),
    )


def validation_of(
    tracks: Sequence[Track], genres: Sequence[str], cache: AudioCache, design: Design
) -> Validation | None:
    """Return the chunks of the validation tracks, cut as a stream cuts them; None where there are no tracks."""
    if not tracks:
        return None
    chunks = pipeline.chunks(tracks, genres, cache, design.frontend)
    labels = np.array([genres.index(track.genre) for track in tracks])
    return Validation(pipeline.once(chunks, EVALUATION_BATCH), labels)


def export(
    folder: Path, config: RunConfig, split: Split, weights: Weights, pretrained: checkpoint.Checkpoint | None = None
) -> None:
    """Write what ``genrestream file --model`` takes, with the licences of what it began with; the first host does."""
    arrays = gathered(weights)
    if jax.process_index():
        return
    card = checkpoint.Card(
        name=config.output.resolve().name,
        model=config.design.model,
        model_config=dataclasses.asdict(config.design.config),
        frontend=config.design.frontend,
        labels=split.genres,
        multi_label=False,
        temperature=1.0,
        min_probability=0.5,
        metrics={},
        provenance={
            **provenance(),
            "data": str(config.data.data),
            "split": config.data.split,
            "fold": config.data.fold,
            "n_folds": config.data.n_folds,
            "seed": config.seed,
            "identity": identity(config, split),
            "n_training_tracks": len(split.train),
            "held_out": [track.name for track in split.test],
            **({"pretrained": pretrained.card.provenance} if pretrained else {}),
        },
    )
    licences = list(pretrained.path.glob("LICENSE*")) if pretrained else []
    if jax.process_count() == 1:
        checkpoint.write(folder, card, arrays, licences)
        return
    # Wherever orbax saves it waits for all processes of the run; one of its own has no others to wait for.
    os.environ["JAX_PLATFORMS"] = "cpu"  # the devices are taken
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
        alone.submit(checkpoint.write, folder, card, arrays, licences).result()


def run(config: Config, trainer: Trainer[Config]) -> None:
    """Train one model, or with ``folds`` one a fold and one on everything."""
    checkpoint.check_name(config.output.resolve().name)
    for part, folder in _parts(config):
        split, cache = load(part.data, part.design.frontend.sample_rate)
        if config.folds and (folder / "model" / checkpoint.CARD_FILE).is_file():
            finished = checkpoint.read(folder / "model").card.provenance.get("identity")
            check_same_run(folder, finished, identity(part, split))
            print(f"{folder}: was finished before")
            continue
        print(f"{folder}: {len(split.train)} tracks to train on, {len(split.validation)} to validate,"
              f" {len(split.test)} held out", flush=True)  # fmt: skip
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"--output {folder}: cannot be made ({error.strerror})") from error
        trainer(part, split, cache, folder)


def _parts(config: Config) -> list[tuple[Config, Path]]:
    if not config.folds:
        return [(config, config.output)]
    if config.data.split in PUBLISHED:
        raise UsageError(f"--folds: --split {config.data.split} is one division without folds; leave --folds out")
    loop = dataclasses.replace(config.loop, resume=True)
    parts = []
    for fold in (*range(config.data.n_folds), None):
        data = dataclasses.replace(config.data, fold=fold)
        name = "all" if fold is None else f"fold{fold}"
        parts.append((dataclasses.replace(config, loop=loop, data=data), config.output / name))
    return parts


def main(config_type: type[Config], trainer: Trainer[Config] = fit) -> None:
    """Entry point of a network's module: parse the command line, train, report errors in one line."""
    module = sys.modules["__main__"]
    use_compile_cache()

    def command() -> None:
        config = tyro.cli(
            config_type,
            prog=f"python -m train.{Path(str(module.__file__)).stem}",
            description=module.__doc__,
            config=(tyro.conf.OmitArgPrefixes,),
        )
        if config.distributed:
            _join_the_others()
        else:
            use_every_core(config.step.batch_size)
        keep_memory()
        provenance()
        run(config, trainer)

    entry(command, interrupted="interrupted; go on with --resume")


def _join_the_others() -> None:
    """Find the other processes; jax itself reads only the coordinator's address from the environment."""
    try:
        numbers = [int(os.environ[name]) if name in os.environ else None for name in PROCESS_VARIABLES]
        jax.distributed.initialize(num_processes=numbers[0], process_id=numbers[1])
    except (ValueError, RuntimeError) as error:
        raise UsageError(
            f"--distributed: {str(error).splitlines()[0]}; set JAX_COORDINATOR_ADDRESS, {', '.join(PROCESS_VARIABLES)}"
        ) from error
