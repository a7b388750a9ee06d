"""Checks that JAX works in this process: bad settings or a missing device give an error of one line."""

import contextlib
import importlib.metadata
from collections.abc import Iterator

from genrestream.errors import GenrestreamError, UsageError, first_line
from genrestream.inference.engines.machine import processor, settings


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


def fingerprint() -> str:
    """Return what compiled code depends on besides the program: versions, settings, device and processor."""
    device = jax.devices()[0]
    return "\n".join(
        [
            jax.__version__,
            importlib.metadata.version("jaxlib"),
            device.platform,
            device.device_kind,
            processor(),
            *settings(),
        ]
    )
