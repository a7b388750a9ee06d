"""Progress of a scan: a bar on a terminal, a line every half minute in a log."""

import contextlib
import sys
import time
from typing import Any

from genrestream.output.open_sinks import DUMB, report
from genrestream.output.text import printable

LOG_S = 30.0  # between two lines of a log


class Progress:
    """Shows a scan on standard error; use it in a ``with``.

    Args:
        quiet: Show errors only.
    """

    def __init__(self, quiet: bool):
        import os

        self._quiet = quiet
        is_screen = sys.stderr.isatty() and os.environ.get("TERM", "").lower() not in DUMB
        self._bar: Any = _bar() if is_screen and not quiet else None
        self._task: Any = None
        self._began = self._logged = time.monotonic()
        self._n = self._n_done = 0

    def __enter__(self) -> "Progress":
        if self._bar:
            self._bar.start()
            self._task = self._bar.add_task("looking", total=None, rate="")
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def found(self, n: int) -> None:
        """Show how many files were found so far."""
        if self._bar:
            self._bar.update(self._task, description=f"looking: {n:,} files")
        elif not self._quiet and self._is_time():
            report(f"looking: {n:,} files so far")

    def begin(self, n: int, n_unchanged: int) -> None:
        """Begin to count files."""
        self._n, self._n_done, self._began = n, 0, time.monotonic()
        if self._bar:
            self._bar.reset(self._task, total=n, description="classifying")
        elif not self._quiet:
            report(f"{n:,} file{'s' * (n != 1)} to classify, {n_unchanged:,} unchanged")

    def advance(self, n: int) -> None:
        """Count files that have a row now."""
        self._n_done += n
        rate = self._n_done / max(1e-6, time.monotonic() - self._began)
        if self._bar:
            self._bar.update(self._task, advance=n, rate=f"{rate:.1f} files/s")
        elif not self._quiet and self._is_time():
            left_s = (self._n - self._n_done) / rate
            report(f"{self._n_done:,} of {self._n:,} files, {rate:.1f} files/s, {in_words(left_s)} left")

    def problem(self, line: str) -> None:
        """Show a problem, above the bar."""
        if self._bar:
            with contextlib.suppress(OSError):
                self._bar.console.print(
                    f"genrestream: {printable(line)}", markup=False, highlight=False, soft_wrap=True
                )
        else:
            report(line)

    def _is_time(self) -> bool:
        now = time.monotonic()
        if now - self._logged < LOG_S:
            return False
        self._logged = now
        return True


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )  # fmt: skip
    return Bar(*columns, console=Console(stderr=True), transient=True)


def in_words(seconds: float) -> str:
    """Return a time such as ``3 h 20 min``, ``4 min`` or ``20 s``."""
    minutes, rest_s = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min" if minutes else f"{rest_s} s"
