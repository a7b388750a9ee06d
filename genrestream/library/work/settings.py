"""The settings of a worker, and how it keeps to one core."""

import contextlib
import dataclasses
import os
from collections.abc import Iterator

from genrestream.errors import GenrestreamError
from genrestream.inference.engines.machine import has_device

# The matrix products of the conditioning are small: BLAS threads would only wait for each other.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class WorkerError(GenrestreamError):
    """A worker could not be started, or ended too early."""


@dataclasses.dataclass(frozen=True)
class WorkerSettings:
    """What all workers of a scan have in common.

    Attributes:
        model: Name or folder of the model.
        per_track: Seconds to classify of a file, from the middle; 0 for all.
        sends_chunks: Whether chunks go to one network for all workers, and not through a network of its own.
    """

    model: str
    per_track: float
    sends_chunks: bool = False


def environment() -> dict[str, str]:
    """Return the environment of a worker: it computes on the CPU, on one thread.

    On a GPU or TPU each worker would take the device's memory for itself.
    """
    return {**os.environ, **ONE_THREAD, **({"JAX_PLATFORMS": "cpu"} if has_device() else {})}


@contextlib.contextmanager
def alone_on_one_core() -> Iterator[None]:
    """Let XLA see one core while it starts, so that it computes on one thread; afterwards all cores may be used.

    If the system cannot do this (macOS, Windows), XLA uses all cores for each chunk: slower with many workers, with the
    same answers.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(cores)[os.getpid() % len(cores)]})
    try:
        yield
    finally:
        for thread in os.listdir("/proc/self/task"):
            with contextlib.suppress(OSError):  # ended meanwhile
                os.sched_setaffinity(int(thread), cores)
