"""Write the traced functions of shipped models, for their first start; after each change of what a network computes.

::

    python -m train.publish.traced checkpoints/musicnn checkpoints/cnn
"""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tyro
from jax import export

from genrestream.errors import UsageError
from genrestream.inference import checkpoint
from genrestream.inference.engines.stored import Kind, unpacked
from genrestream.inference.engines.traced import Traced, traced_file, write_traced
from genrestream.inference.network import batch_function, load_weights, next_function
from genrestream.inference.overlap import reused_config
from genrestream.live.config import ListenConfig
from train.command.entry import entry


@dataclasses.dataclass(frozen=True)
class Config:
    """What to trace.

    Attributes:
        models: Folders of shipped models.
    """

    models: tyro.conf.Positional[tuple[Path, ...]]


def trace(model: checkpoint.Checkpoint) -> list[Path]:
    """Write a shipped model's functions for files and for live listening at its usual hop; return the files.

    Other files in their folder, such as of a hop that was usual before, are removed.

    Raises:
        UsageError: The model is not one of the shipped ones.
    """
    jax.config.update("jax_hlo_source_file_canonicalization_regex", ".*/")  # no private paths
    card, weights = model.card, load_weights(model)
    chunk = np.zeros((1, card.frontend.n_samples), np.float32)
    files = [_write(model, "batch", 1, batch_function(card), weights, chunk)]
    hop = round(ListenConfig().stream.hop_s * card.frontend.sample_rate)
    if config := reused_config(card, hop):
        n_new = -(-hop // config.hop_length)
        _, kept = jax.jit(batch_function(card))(unpacked(weights), chunk)
        files.append(_write(model, "next", n_new, next_function(card, n_new), weights, chunk, kept, np.int32(1)))
    for old in {*files[0].parent.iterdir()} - {*files}:
        old.unlink()
    return files


def _write(
    model: checkpoint.Checkpoint, kind: Kind, size: int, function: Any, weights: dict[str, Any], *inputs: Any
) -> Path:
    file = traced_file(model, kind, size)
    if file is None:
        raise UsageError(f"{model.path}: only shipped models have traced functions; publish it into checkpoints/")
    jitted, floats = jax.jit(function, keep_unused=True), unpacked(weights)
    program = export.export(jitted, platforms=["cpu"])(floats, *inputs).mlir_module_serialized
    given, results = (
        [np.asarray(one) for one in jax.tree.leaves(arrays)] for arrays in (inputs, jitted(floats, *inputs))
    )
    like = {name: checkpoint.Like(one.shape, one.dtype) for name, one in weights.items()}
    write_traced(file, Traced(program, like, given, results))
    return file


def main() -> None:
    """Run from the command line."""
    config = tyro.cli(Config, description=__doc__, prog="python -m train.publish.traced")
    for folder in config.models:
        for file in trace(checkpoint.read(folder)):
            print(f"written: {file}, {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    entry(main)
