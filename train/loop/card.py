"""Writing a finished run's weights as a model."""

import concurrent.futures
import dataclasses
import multiprocessing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from genrestream.inference import checkpoint
from train.command.provenance import folder_name, provenance
from train.data import hosts
from train.data.splits import Split
from train.loop.config import RunConfig, identity
from train.loop.sharding import gathered
from train.loop.state import Weights


def export(
    folder: Path, config: RunConfig, split: Split, weights: Weights, pretrained: checkpoint.Checkpoint | None = None
) -> None:
    """Write the model's folder, as ``genrestream file --model`` takes it; the first host writes, all must call it.

    Args:
        folder: The model's folder.
        config: How it was trained.
        split: What it was trained on.
        weights: Its weights.
        pretrained: The model that the training began with; its licences are copied.
    """
    arrays = gathered(weights)
    facts = {"pretrained": pretrained.card.provenance} if pretrained else {}
    card = card_of(config, split, facts)
    licences = list(pretrained.path.glob("LICENSE*")) if pretrained else []
    with hosts.together():
        if jax.process_count() == 1:
            checkpoint.write(folder, card, arrays, licences)
        elif jax.process_index() == 0:
            _write_alone(folder, card, arrays, licences)


def _write_alone(*what: Any) -> None:
    """Write in a separate process, since orbax waits for all processes of the run when it saves."""
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
        alone.submit(_write_on_cpu, *what).result()


def _write_on_cpu(
    folder: Path, card: checkpoint.Card, arrays: Mapping[str, np.ndarray], licences: Sequence[Path]
) -> None:
    jax.config.update("jax_platforms", "cpu")  # the process that trained still holds the devices
    checkpoint.write(folder, card, arrays, licences)


def card_of(config: RunConfig, split: Split, facts: Mapping[str, Any], **changes: Any) -> checkpoint.Card:
    """Return the card of a run's model, before it is calibrated.

    Args:
        config: How it was trained.
        split: What it was trained on, and what it was not.
        facts: More on its provenance.
        **changes: Other fields of the card.
    """
    folders = (config.data.data, *config.data.more)
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
            "data": ", ".join(folder_name(folder) for folder in folders),
            "split": config.data.split,
            "fold": config.data.fold,
            "n_folds": config.data.n_folds,
            "seed": config.seed,
            "identity": identity(config, split),
            "n_training_tracks": len(split.train),
            "held_out": [track.name for track in split.test],
            **facts,
        },
    )
    return dataclasses.replace(card, **changes)
