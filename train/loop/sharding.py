"""Where training runs: the mesh of devices, one device a core on a CPU, and the memory kept from step to step."""

import ctypes
import os
import sys

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from genrestream.streaming.config import n_cores
from train.loop.state import Weights

# Options of glibc's malloc, in bytes: how much memory may be free before some goes back to the system; how much more
# than needed is taken from the system; and from which size on an array has pages of its own, which go back when freed.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
KEPT = {M_TRIM_THRESHOLD: 2**31 - 1, M_TOP_PAD: 2**28, M_MMAP_THRESHOLD: 2**30}


def use_every_core(batch_size: int) -> None:
    """Make each CPU core a device, as many as divide the batch; call it before jax is first used.

    XLA computes most of a small network's step on one core; with a part of the batch on each core, all of them work.
    A number of devices that XLA_FLAGS or JAX_NUM_CPU_DEVICES sets is left as it is.
    """
    if "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "") or "JAX_NUM_CPU_DEVICES" in os.environ:
        return
    n_devices = max(n for n in range(1, n_cores() + 1) if batch_size % n == 0)
    jax.config.update("jax_num_cpu_devices", n_devices)


def keep_memory() -> None:
    """Keep the memory that one training step frees for the next one.

    By default glibc gives large arrays back to the system, which must then clear each page again: a sixth of the
    processor time of a CRNN's step.
    """
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):  # only glibc has it
        for option, value in KEPT.items():
            library.mallopt(option, value)


def gathered(weights: Weights) -> dict[str, np.ndarray]:
    """Return whole arrays on every host, though parts of them may be on others; every host must call it."""
    if jax.process_count() > 1:
        weights = jax.jit(lambda arrays: arrays, out_shardings=NamedSharding(mesh(), PartitionSpec()))(weights)
    return {name: np.asarray(array) for name, array in weights.items()}


def mesh() -> Mesh:
    """Return all devices of all hosts in one row; each batch is divided along it."""
    return jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))
