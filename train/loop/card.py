"""From the weights of a finished run to a model's folder."""

import concurrent.futures
import dataclasses
import multiprocessing
import os
from pathlib import Path

import jax

from genrestream.inference import checkpoint
from train.command.provenance import provenance
from train.data.splits import Split
from train.loop.config import RunConfig, identity
from train.loop.sharding import gathered
from train.loop.state import Weights


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
