"""Makes the most of this machine's cores and memory in training."""

import ctypes
import os
import sys

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from train.loop.state import Weights

# Of glibc's malloc.h, in bytes: how much may lie free before some is given back to the system, what is taken from it
# beside what is asked for, and from what size on an array has pages of its own, which are given back when it goes.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
KEPT = {M_TRIM_THRESHOLD: 2**31 - 1, M_TOP_PAD: 2**28, M_MMAP_THRESHOLD: 2**30}


def use_every_core(batch_size: int) -> None:
    """Make each core of this machine a device, if jax has only its CPU; must come before jax is first used.

    XLA computes most of a small network's step on one core; with a part of the batch on each, all have their work.
    As many devices as divide the batch; a number that XLA_FLAGS or JAX_NUM_CPU_DEVICES set is left as it is.
    """
    if "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "") or "JAX_NUM_CPU_DEVICES" in os.environ:
        return
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    n_devices = max(n for n in range(1, n_cores + 1) if batch_size % n == 0)
    jax.config.update("jax_num_cpu_devices", n_devices)


def keep_memory() -> None:
    """Keep what one training step has freed for the next one.

    glibc gives large arrays back to the system, which clears each page of the next one anew: with XLA's, which it asks
    for in each step, a sixth of the processor time of the CRNN's step.
    """
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):  # other C libraries have none
        for option, value in KEPT.items():
            library.mallopt(option, value)


def gathered(weights: Weights) -> dict[str, np.ndarray]:
    """Return whole arrays on every host, each of which must call it; parts of them may lie on others."""
    whole = jax.jit(lambda arrays: arrays, out_shardings=NamedSharding(mesh(), PartitionSpec()))(weights)
    return {name: np.asarray(array) for name, array in whole.items()}


def compiler_options() -> dict[str, bool | int]:
    """Each device's operations in one order, for what could run at once would take the cores of the other devices.

    And vectors as wide as the processor has them, which saves 2 % of a step.
    """
    if jax.default_backend() != "cpu":
        return {}
    return {"xla_cpu_enable_concurrency_optimized_scheduler": False, "xla_cpu_prefer_vector_width": 512}


def mesh() -> Mesh:
    """Return all devices of all hosts in one row, along which batches are cut."""
    return jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))
