"""A training run, from its config to a model's folder; all commands such as ``train.cnn`` share it.

::

    OUTPUT/                 one run, or with --folds one run a fold in fold0/ … and one on everything in all/
    ├── model/              the model, as genrestream file --model takes it
    ├── config.toml         all options, as --config takes them
    ├── state/              checkpoints of the training, to resume from
    ├── metrics.jsonl       a line an epoch
    ├── tensorboard/
    └── lock                held while a process trains here
"""

import contextlib
import dataclasses
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import grain
import jax
import numpy as np
import tyro

from genrestream.errors import UsageError, first_line
from genrestream.features.config import FrontendConfig
from genrestream.files import write_text
from genrestream.inference import checkpoint
from genrestream.inference.program import use_compile_cache
from train.command import settings
from train.command.disk import saving
from train.command.entry import entry
from train.command.lock import locked
from train.command.paths import address_of
from train.command.provenance import program, provenance
from train.command.remote import mirrored
from train.command.smoke import with_smoke
from train.data import hosts
from train.data.cache import AudioCache
from train.data.load import load
from train.data.splits import PUBLISHED, Split
from train.input import batching, examples
from train.loop.card import export
from train.loop.config import RunConfig, crops_of, identity, n_crops_of, n_steps, step_of
from train.loop.expected import expected
from train.loop.loop import Validation, train
from train.loop.sharding import keep_memory, use_every_core
from train.loop.state_checkpoints import accepted, check_same_run
from train.loop.step import Network

EVALUATION_BATCH = 64
ALSO = "Also: --config FILE reads options from a TOML file, such as a run's; --smoke is a short run on synthetic music."
PROCESS_VARIABLES = ("JAX_NUM_PROCESSES", "JAX_PROCESS_ID")

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
    """Train a network on random crops and write its model.

    Args:
        config: The options of the run.
        split: The tracks.
        cache: The decoded tracks.
        folder: The run's folder.
        network: The network to start from; the config's where not given.
        pretrained: The model that the network's weights come from, for the card.
    """
    seed = seed_of(config.seed, jax.process_index()) if is_assigned(split) else config.seed
    crops, n_crops = crops_of(config, split, cache, seed), n_crops_of(config, split, cache)
    weights = train(
        step_of(config, split, n_crops, network),
        shared_batches(config, crops, seed, is_assigned(split)),
        n_steps(config, n_crops),
        config.loop,
        folder,
        identity(config, split),
        validation_of(split, cache, config.example, config.step.batch_size),
    )
    export(folder / "model", config, split, weights, pretrained)


def is_assigned(split: Split) -> bool:
    """Whether each host has tracks of its own."""
    return any(track.host is not None for track in split.train)


def shared_batches(config: RunConfig, examples: Any, seed: int, is_assigned: bool = False) -> Any:
    """Return the batches, of each of them this host's part.

    Args:
        config: The options of the run.
        examples: An epoch of examples.
        seed: Seed of their order.
        is_assigned: Whether they are this host's own, and not those of all hosts.
    """
    host, n_hosts = jax.process_index(), jax.process_count()
    if config.step.batch_size % n_hosts:
        raise UsageError(f"--batch-size {config.step.batch_size}: must be divisible by the {n_hosts} processes")
    return batching.batches(
        examples,
        config.step.batch_size // n_hosts,
        seed,
        config.n_workers,
        prefetch=8,
        shard=(0, 1) if is_assigned else (host, n_hosts),
    )


def seed_of(seed: int, host: int) -> int:
    """Return a host's own seed, so that no two hosts augment in the same way."""
    return int(np.random.SeedSequence((seed, host)).generate_state(1)[0])


def validation_of(split: Split, cache: AudioCache, example: FrontendConfig, batch_size: int) -> Validation | None:
    """Return the chunks of the validation tracks, cut as a stream cuts them; None where there are no tracks.

    Args:
        split: The tracks.
        cache: The decoded tracks.
        example: The front end of an example, which may be longer than a chunk.
        batch_size: The training's, over all hosts, which their devices divide.
    """
    tracks, genres = split.validation, split.genres
    if not tracks:
        return None
    chunks = examples.chunks(tracks, genres, cache, example, hop_s=example.chunk_s)
    labels = np.array([genres.index(track.genre) for track in tracks])
    if not is_assigned(split):
        return Validation(batching.once(chunks, EVALUATION_BATCH), labels)
    # All hosts need the same number of batches; a host pads with a chunk that every host has, of weight 0.
    nothing: Any = examples.chunks(split.train, genres, cache, example, hop_s=example.chunk_s)[0]
    n_missing = max(hosts.all_gathered(len(chunks))) - len(chunks)
    padding = grain.MapDataset.source([nothing | {"weight": np.float32(0), "track": np.int32(0)}] * n_missing)
    chunks = grain.MapDataset.concatenate([part for part in (chunks, padding) if len(part)])
    return Validation(batching.once(chunks, batch_size // jax.process_count()), labels, is_assigned=True)


def run(config: Config, trainer: Trainer[Config]) -> None:
    """Train one model, or with ``folds`` one a fold and one on everything."""
    checkpoint.check_name(config.output.resolve().name)
    is_first = jax.process_index() == 0
    if address_of(config.output) and config.loop.patience and jax.process_count() > 1:
        raise UsageError("--patience: several processes need a folder for --output that all of them see")
    last = config.output
    for part, path in _parts(config):
        n_hosts = jax.process_count() if trainer is fit else 1  # other trainers compute features of all tracks first
        split, cache = load(part.data, part.design.frontend.sample_rate, n_hosts=n_hosts)
        name, counts = address_of(path) or path, [len(side) for side in (split.train, split.validation, split.test)]
        print(f"{name}: {counts[0]} tracks to train on, {counts[1]} to validate, {counts[2]} held out", flush=True)
        if part.dry_run:
            for line in expected(part, split, cache):
                print(line)
            continue
        with _mirrored(path, part.loop.resume) as folder:
            _train_part(part, split, cache, folder, trainer)
            last = folder
    if is_first and not config.dry_run:
        for line in config.next_steps(last):
            print(line)


@contextlib.contextmanager
def _mirrored(path: Path, resumes: bool) -> Iterator[Path]:
    with contextlib.ExitStack() as held:
        with hosts.together():
            folder = held.enter_context(mirrored(path, resumes, writes=jax.process_index() == 0))
        yield folder
        with hosts.together():
            held.close()


def _train_part(config: Config, split: Split, cache: AudioCache, folder: Path, trainer: Trainer[Config]) -> None:
    with hosts.together():
        is_finished = config.folds and _is_finished(config, split, folder)
    if hosts.all_gathered(is_finished)[0]:  # the first host's folder has the model
        print(f"{folder}: was finished before")
        return
    with contextlib.ExitStack() as held:
        with hosts.together():
            with saving(folder):
                folder.mkdir(parents=True, exist_ok=True)
            is_first = jax.process_index() == 0
            if is_first:
                held.enter_context(locked(folder))
            accepted(folder, config.loop.resume, identity(config, split))
            if is_first:
                write_text(folder / settings.FILE, settings.to_toml(config))
        trainer(config, split, cache, folder)


def _is_finished(config: RunConfig, split: Split, folder: Path) -> bool:
    if not (folder / "model" / checkpoint.CARD_FILE).is_file():
        return False
    finished = checkpoint.read(folder / "model").card.provenance.get("identity")
    check_same_run(folder, finished, identity(config, split))
    return True


def _parts(config: Config) -> list[tuple[Config, Path]]:
    if not config.validates:  # every track is used
        config = dataclasses.replace(config, data=dataclasses.replace(config.data, validate=False))
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
    use_compile_cache()

    def command() -> None:
        arguments = with_smoke(settings.with_file(sys.argv[1:], config_type))
        config = tyro.cli(
            config_type,
            args=arguments,
            prog=program(),
            description=f"{sys.modules['__main__'].__doc__}\n{ALSO}",
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
    """Find the other processes; by itself jax reads only the coordinator's address from the environment."""
    jax.config.update("jax_enable_preemption_service", False)  # it swallows SIGTERM, which the training loop handles
    try:
        numbers = [int(os.environ[name]) if name in os.environ else None for name in PROCESS_VARIABLES]
        jax.distributed.initialize(num_processes=numbers[0], process_id=numbers[1])
    except (ValueError, RuntimeError) as error:
        raise UsageError(
            f"--distributed: {first_line(error)}; set JAX_COORDINATOR_ADDRESS, {', '.join(PROCESS_VARIABLES)}"
        ) from error
