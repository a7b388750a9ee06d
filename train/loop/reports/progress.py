"""Reports of a training: a bar on the terminal, ``metrics.jsonl``, and loggers.

Loss and accuracy of the training hold label smoothing, mixup and augmentation, those of the validation do not: the
former may be worse than the latter without anything being wrong.
"""

import contextlib
import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from genrestream.files import replacing
from train.command.disk import saving
from train.data import hosts
from train.loop.reports.loggers import Logger, LoggerName, opened

METRICS_FILE = "metrics.jsonl"
AVERAGED = ("loss", "accuracy", "gradient_norm", "learning_rate")  # over the steps of an epoch


class Progress:
    """Reports of one run; the first host's only.

    Args:
        folder: The run's folder.
        n_steps: Steps in all.
        resumed_step: Where it continues; reports of later steps are removed, since those steps are done again.
        figures: Those of the steps since the end of the last epoch, by name, shape (n_steps,).
        loggers: What the figures are also written to.

    Raises:
        OutputError: The folder cannot be written.
        UsageError: A logger does not start.
    """

    def __init__(
        self,
        folder: Path,
        n_steps: int,
        resumed_step: int,
        figures: Mapping[str, np.ndarray],
        loggers: tuple[LoggerName, ...] = ("tensorboard",),
    ):
        self._is_first = jax.process_index() == 0
        self._file = folder / METRICS_FILE
        self._console = Console()
        columns = (TextColumn("step"), MofNCompleteColumn(), BarColumn(20), TextColumn("{task.description}"))
        self._bar = Bar(*columns, TimeRemainingColumn(), console=self._console, disable=not self._shows_bar)
        self._task = self._bar.add_task("compiling", total=n_steps, completed=resumed_step)
        self._kept: dict[str, list[float]] = {name: figures.get(name, np.array([])).tolist() for name in AVERAGED}
        self._is_compiled, self._n_chunks, self._spent_s, self._waited_s = False, 0, 0.0, 0.0
        self.start_clock()
        self._open, self._loggers = contextlib.ExitStack(), list[Logger]()
        self._best = -math.inf
        with hosts.together():
            if self._is_first:
                with saving(folder):
                    self._remove_later_rows(resumed_step)
                self._loggers = self._open.enter_context(opened(loggers, folder, resumed_step + 1))

    @property
    def figures(self) -> dict[str, np.ndarray]:
        """The figures of the steps since the end of the last epoch, by name, float32, shape (n_steps,)."""
        return {name: np.array(values, np.float32) for name, values in self._kept.items()}

    @property
    def _shows_bar(self) -> bool:
        return self._is_first and self._console.is_terminal

    def _remove_later_rows(self, resumed_step: int) -> None:
        lines = self._file.read_text("utf-8", errors="replace").splitlines() if self._file.exists() else []
        with replacing(self._file) as file:
            kept = [line for line in lines if _step_of(line) <= resumed_step]
            file.writelines(f"{line}\n".encode() for line in kept)
        self._best = max((json.loads(line).get("val_accuracy", -math.inf) for line in kept), default=-math.inf)

    def __enter__(self) -> "Progress":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        self._open.close()

    def start_clock(self) -> None:
        """Count the time from now on; the time before was not spent on steps."""
        self._since = time.perf_counter()

    def waited(self, seconds: float) -> None:
        """Count time in which the devices waited for the next batch."""
        self._waited_s += seconds

    def stepped(self, step: int, figures: Sequence[Mapping[str, Any]], batch_size: int) -> None:
        """Show the steps since the last call; the first step of a process, which compiles, is not timed."""
        for name, values in self._kept.items():
            values += [float(one[name]) for one in figures if name in one]
        if self._is_compiled:
            self._n_chunks += len(figures) * batch_size
            self._spent_s += time.perf_counter() - self._since
        else:
            self._is_compiled, self._waited_s = True, 0.0
        self.start_clock()
        now = self._figures()
        text = f"{_scores(now)}  {now['chunks_per_s']:.0f} chunks/s"
        self._bar.update(self._task, completed=step, description=text)

    def _figures(self) -> dict[str, float]:
        spent_s = max(1e-9, self._spent_s)
        return {
            **{name: float(np.mean(values)) for name, values in self._kept.items() if values},
            "chunks_per_s": round(self._n_chunks / spent_s, 1),
            "waiting_share": round(self._waited_s / spent_s, 4) if self._n_chunks else 0.0,
        }

    def ended_epoch(self, step: int, epoch: int, scores: Mapping[str, float]) -> None:
        """Write a row of averages over the epoch's steps, and start the next epoch's.

        Raises:
            OutputError: It cannot be written.
        """
        row = {"step": step, "epoch": epoch, **self._figures(), **scores}
        is_best = scores.get("val_accuracy", -math.inf) > self._best
        self._best = max(self._best, scores.get("val_accuracy", -math.inf))
        with hosts.together():
            if self._is_first:
                self._write(step, row, is_best)
        self._kept = {name: [] for name in AVERAGED}
        self._n_chunks, self._spent_s, self._waited_s = 0, 0.0, 0.0

    def _write(self, step: int, row: Mapping[str, Any], is_best: bool) -> None:
        with saving(self._file), self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        for logger in self._loggers:
            logger.write(step, row)
        self._console.print(_line(row) + "  best so far" * is_best, highlight=False, soft_wrap=True)


def _step_of(line: str) -> float:
    """Return the step of a row of metrics; infinity where the row is cut or damaged."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, TypeError, KeyError):
        return math.inf


def _scores(row: Mapping[str, Any]) -> str:
    return f"loss {row['loss']:.3f}" + (f"  accuracy {row['accuracy']:.3f}" if "accuracy" in row else "")


def _line(row: Mapping[str, Any]) -> str:
    text = f"epoch {row['epoch']:>3}  {_scores(row)}"
    if "val_accuracy" in row:
        text += f"  validation loss {row['val_loss']:.3f}  accuracy {row['val_accuracy']:.3f}"
    return f"{text}  {row['chunks_per_s']:.0f} chunks/s, {row['waiting_share']:.1%} of the time waiting for data"
