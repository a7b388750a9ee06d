"""What is particular to orbax: which checkpoints it keeps, its errors, and what it prints when a save fails."""

import contextlib
import errno
import logging
import os
import re
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orbax.checkpoint import v1 as ocp

N_LATEST = 2  # the second is what a run goes on from if the first is damaged
OS_ERROR = re.compile(r"os_error_code='(\d+)'")  # how the storage library gives the cause of a ValueError


def checkpointer(path: Path) -> ocp.training.Checkpointer:
    """Return a checkpointer that keeps the latest steps and the best."""
    policies = ocp.training.preservation_policies
    best = policies.BestN(n=1, get_metric_fn=merit, keep_checkpoints_without_metrics=False)
    kept: Any = policies.AnyPreservationPolicy([policies.LatestN(N_LATEST), best])
    return ocp.training.Checkpointer(str(path), preservation_policy=kept)


def merit(scores: Any) -> Any:
    """Return what the best checkpoint has most of: accuracy, and of equals the first is the best."""
    return scores["val_accuracy"], -scores["step"]


def require_room(path: Path, n_bytes: int) -> None:
    """Raise what a full disk raises, before a part of a checkpoint is written.

    Raises:
        OSError: The disk has less room.
    """
    if shutil.disk_usage(path).free < n_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Turn what the storage library raises into an ``OSError``, and keep back what is printed besides.

    Raises:
        OSError: The disk is full, or a file cannot be read or written.
    """
    logging.getLogger("absl").setLevel(logging.CRITICAL)  # orbax logs what it raises as well
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # orbax warns of what it does by default
        try:
            yield
        except (ValueError, RuntimeError) as error:
            _silence_late_writes()
            if code := OS_ERROR.search(str(error)):
                raise OSError(int(code[1]), os.strerror(int(code[1]))) from error
            raise OSError(str(error).partition("\n")[0]) from error


def _silence_late_writes() -> None:
    """Print nothing for the writes of a failed save that end after it; each would print a traceback."""
    report = sys.unraisablehook

    def report_others(unraisable: Any) -> None:
        if str(unraisable.exc_value) != "Event loop is closed":
            report(unraisable)

    sys.unraisablehook = report_others
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
