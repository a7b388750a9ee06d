"""A training run, from its config to a model's folder: what the entry points ``train.cnn`` and the others share.

::

    OUTPUT/                 one run, or with --folds one run a fold in fold0/ … and one on everything in all/
    ├── model/              the model, as genrestream file --model takes it
    ├── state/              checkpoints of the training, to resume from
    ├── metrics.jsonl       a line an epoch
    └── tensorboard/
"""

import dataclasses
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tyro
from flax import nnx

from genrestream import checkpoint
from genrestream.errors import GenrestreamError, UsageError
from genrestream.frontend import FrontendConfig
from genrestream.models import MODELS
from genrestream.program import use_compile_cache
from train import pipeline
from train.augment import AugmentConfig
from train.cache import AudioCache
from train.data import DataConfig, Dataset, Split, divide, read
from train.loop import LoopConfig, Validation, train
from train.provenance import provenance
from train.step import Network, Step, StepConfig, Weights

EVALUATION_BATCH = 64


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """What every network's training has in common.

    Attributes:
        output: Folder of the run.
        data: The music, and how it is divided.
        sampling: How often tracks and classes are heard.
        augment: How crops are changed.
        step: How the weights are changed.
        loop: How long, and what is kept.
        seed: Of everything that is drawn.
        n_workers: Processes that prepare batches; 0 for threads of this one.
        folds: Train one model a fold, one after another, then one on everything; finished ones are not trained again.
        distributed: One process of several: initialise jax.distributed, which a TPU pod and Slurm configure by
            themselves; elsewhere JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID say who takes part.
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


@dataclasses.dataclass(frozen=True)
class Design:
    """A network to train: its name in MODELS, its config, its front end, and its input where it is not waveforms."""

    name: str
    config: Any
    frontend: FrontendConfig


def train_folds(config: RunConfig, design: Design) -> None:
    """Train one model, or one a fold and one on everything."""
    dataset = read(config.data)
    if not config.folds:
        train_one(config, design, dataset, config.output)
        return
    for fold in (*range(config.data.n_folds), None):
        folder = config.output / ("all" if fold is None else f"fold{fold}")
        if (folder / "model" / checkpoint.CARD_FILE).is_file():
            print(f"{folder}: finished before")
            continue
        loop = dataclasses.replace(config.loop, resume=True)
        part = dataclasses.replace(config, loop=loop, data=dataclasses.replace(config.data, fold=fold))
        print(f"{folder}:", flush=True)
        train_one(part, design, dataset, folder)
