"""``--dry-run``: what a training would take, measured on a few of its own steps."""

import time
from typing import Any

import jax
import numpy as np

from train.data.cache import AudioCache
from train.data.splits import Split
from train.loop.config import RunConfig, crops_of, n_crops_of, n_steps, step_of

N_TIMED = 3


def expected(config: RunConfig, split: Split, cache: AudioCache) -> list[str]:
    """Return what a training would take, a line each.

    Args:
        config: Its options.
        split: Its tracks.
        cache: The decoded tracks.
    """
    seconds = sum(track.seconds or 0 for track in split.train)
    lines = [f"{len(split.genres)} genres, {clock(seconds)} of music to train on"]
    if not config.is_trained_in_steps:
        return [*lines, "features are computed of each piece first: that and what follows is not predicted"]
    crops, n_crops = crops_of(config, split, cache), n_crops_of(config, split, cache)
    total = n_steps(config, n_crops)
    step = step_of(config, split, n_crops)
    n_parameters = sum(int(np.prod(array.shape)) for array in step.network.params.values())
    lines.append(f"{n_parameters:,} parameters to train")
    lines.append(f"{total:,} steps of {config.step.batch_size} pieces in {config.loop.n_epochs} epochs")
    n_here = config.step.batch_size // jax.process_count()
    elements: list[Any] = [crops[number % len(crops)] for number in range(n_here)]
    batch = step.to_devices({name: np.stack([one[name] for one in elements]) for name in ("inputs", "label", "weight")})
    state = step.start()
    compiled = step.train.lower(state, batch).compile()
    memory = compiled.memory_analysis()
    if memory is not None:
        n_bytes = memory.temp_size_in_bytes + memory.argument_size_in_bytes + memory.output_size_in_bytes
        n_bytes -= memory.alias_size_in_bytes  # the state before a step and after it share their memory
        lines.append(f"{n_bytes / 1e6:,.0f} MB of memory on each of {jax.device_count()} devices")
    state, figures = compiled(state, batch)
    jax.block_until_ready(figures)
    begin = time.perf_counter()
    for _ in range(N_TIMED):
        state, figures = compiled(state, batch)
        jax.block_until_ready(figures)
    step_s = (time.perf_counter() - begin) / N_TIMED
    lines.append(f"{step_s:.2f} s a step, {clock(total * step_s)} in all, without validation and waiting for data")
    return lines


def clock(seconds: float) -> str:
    """Return a time in a unit that fits its length."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
