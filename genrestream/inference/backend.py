"""Checks that JAX works in this process: bad settings, a missing device or a fork give an error of one line."""

import contextlib
import functools
import importlib.metadata
import os
import platform
from collections.abc import Iterator

from genrestream.errors import GenrestreamError, UsageError, first_line


def settings() -> list[str]:
    """Return the environment's settings of JAX and XLA, as ``NAME=value``, sorted."""
    return sorted(
        f"{name}={value}" for name, value in os.environ.items() if name.startswith(("JAX_", "XLA_")) and value
    )


@contextlib.contextmanager
def settings_blamed(problem: str = "JAX does not work with this") -> Iterator[None]:
    """Turn a failure of JAX into one line that names the environment's JAX and XLA settings, if there are any.

    Args:
        problem: What the line says about the settings.

    Raises:
        UsageError: JAX failed, and there are such settings; without settings JAX's error is raised.
    """
    try:
        yield
    except GenrestreamError:
        raise
    except Exception as error:
        if not (given := settings()):
            raise
        raise UsageError(f"{' '.join(given)}: {problem} ({first_line(error)}); unset it") from error


with settings_blamed():
    import jax


def check_device() -> None:
    """Make sure that JAX has a device to compute on.

    Raises:
        UsageError: The environment names a device that this machine or installation does not have.
    """
    with settings_blamed("JAX finds no such device here"):
        jax.devices()


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


def fingerprint() -> str:
    """Return what compiled code depends on besides the program: versions, settings, device and processor."""
    device = jax.devices()[0]
    return "\n".join(
        [
            jax.__version__,
            importlib.metadata.version("jaxlib"),
            device.platform,
            device.device_kind,
            _processor(),
            *settings(),
        ]
    )


def _processor() -> str:
    """Return the processor's instruction sets: machines with different processors may share a home folder."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        return f"{platform.machine()} {platform.node()}"
