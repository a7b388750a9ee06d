"""What a compiled program depends on besides the model, as far as it can be told without importing jax."""

import functools
import importlib.util
import os
import platform

from genrestream.errors import UsageError


def settings() -> list[str]:
    """Return the environment's settings of JAX and XLA, as ``NAME=value``, sorted."""
    return sorted(
        f"{name}={value}" for name, value in os.environ.items() if name.startswith(("JAX_", "XLA_")) and value
    )


def has_device() -> bool:
    """Whether a package is installed that lets JAX use a GPU or TPU; which one is there, only JAX can tell."""
    return any(importlib.util.find_spec(name) for name in ("jax_plugins", "libtpu"))


def processor() -> str:
    """Return the processor's instruction sets: machines with different processors may share a home folder."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        return f"{platform.machine()} {platform.node()}"


@functools.cache
def _first_process() -> int:
    return os.getpid()  # a forked process inherits the answer


def check_process() -> None:
    """Make sure that no model was loaded before this process was forked: JAX would hang.

    Raises:
        UsageError: A model was loaded before the fork.
    """
    if os.getpid() != _first_process():
        raise UsageError(
            f"process {os.getpid()} was forked from {_first_process()}, which had loaded a model, and JAX does not"
            " survive a fork; fork first and load the model after it, or start processes with the method 'spawn'"
        )
