"""Transfer learning: a network with pretrained weights and a new head, frozen or trained further."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from genrestream.errors import UsageError
from train.cache import AudioCache
from train.data import Split
from train.head import HeadConfig, fit_head, frozen
from train.run import RunConfig, export, fit
from train.step import Network

KEPT = ("input_norm", "front")  # filters that hear what all music has in common


def transfer(
    config: RunConfig, split: Split, cache: AudioCache, folder: Path, head: HeadConfig, fine_tune: bool
) -> None:
    """Fit the head and write the model; or train on from there.

    Raises:
        UsageError: The pretrained network hears through another front end.
    """
    pretrained = frozen(head.pretrained)
    if pretrained.card.frontend != config.design.frontend:
        raise UsageError(f"--pretrained {head.pretrained}: its front end is not the one that is to be trained")
    kernel, bias = fit_head(
        split.train, split.genres, cache, head, config.augment, config.sampling.length_power, config.seed
    )
    module = config.design.module(len(split.genres), config.seed)
    weights = pretrained.weights | {"output.kernel": kernel, "output.bias": bias}
    for path, variable in nnx.to_flat_state(nnx.state(module, nnx.Not(nnx.RngState))):
        variable.set_value(jnp.asarray(weights[".".join(map(str, path))]))
    network = Network(module, lambda name: name.startswith(KEPT), _with_fixed_statistics)
    if fine_tune:
        fit(config, split, cache, folder, network)
    else:
        export(folder / "model", config, split, network.params | network.statistics)


def _with_fixed_statistics(module: Any, x: jax.Array) -> jax.Array:
    """Keep batch norm's statistics: those of a million songs are better than those of a batch."""
    return nnx.view(module, use_running_average=True)(x)
