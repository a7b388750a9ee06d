"""A recording of what the devices and the host do in a few steps, by JAX's profiler."""

from pathlib import Path
from types import TracebackType
from typing import Any

import jax

FIRST, N_STEPS = 5, 10  # the steps before compile and warm up


class Profile:
    """Records some steps into ``profile`` in the run's folder.

    Args:
        folder: The run's folder.
        started: The step from which the run continues.
        is_wanted: Whether to record at all.
    """

    def __init__(self, folder: Path, started: int, is_wanted: bool):
        self._folder, self._is_wanted, self._runs = folder / "profile", is_wanted, False
        self._first, self._last = started + FIRST, started + FIRST + N_STEPS

    def __enter__(self) -> "Profile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def stepped(self, step: int, figures: Any) -> None:
        """Record that a step was started; ``figures`` are ready when it is done."""
        if self._is_wanted and step == self._first:
            jax.profiler.start_trace(self._folder)
            self._runs = True
        elif self._runs and step == self._last:
            jax.block_until_ready(figures)
            self._stop()

    def _stop(self) -> None:
        if self._runs:
            self._runs = False
            jax.profiler.stop_trace()
            print(f"profile: {self._folder}; look at it with 'tensorboard --logdir {self._folder.parent}'")
