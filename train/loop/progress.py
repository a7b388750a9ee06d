"""How training goes: a bar on the terminal, ``metrics.jsonl``, and TensorBoard's event file."""

import json
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
from tensorboardX import SummaryWriter

from genrestream.files import writing

METRICS_FILE = "metrics.jsonl"
REMEDY = "make room, then go on with --resume"


class Progress:
    """Reports of one run; the first host's only.

    Args:
        folder: The run's folder.
        n_steps: Steps in all.
        resumed_step: Where it goes on; what was reported beyond it will happen again and is struck out.
    """

    def __init__(self, folder: Path, n_steps: int, resumed_step: int):
        self._is_first = jax.process_index() == 0
        self._file = folder / METRICS_FILE
        self._console = Console()
        columns = (TextColumn("step"), MofNCompleteColumn(), BarColumn(20), TextColumn("{task.description}"))
        self._bar = Bar(*columns, TimeRemainingColumn(), console=self._console, disable=not self._shows_bar)
        self._task = self._bar.add_task("compiling", total=n_steps, completed=resumed_step)
        self._writer: SummaryWriter | None = None
        self._kept: list[dict[str, Any]] = []
        self._is_compiled, self._n_chunks, self._spent_s, self._waited_s = False, 0, 0.0, 0.0
        self.start_clock()
        if self._is_first:
            with writing(folder, REMEDY):
                self._strike_out(resumed_step)
                self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=resumed_step + 1)

    @property
    def _shows_bar(self) -> bool:
        return self._is_first and self._console.is_terminal

    def _strike_out(self, resumed_step: int) -> None:
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []
        kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= resumed_step]
        whole = self._file.with_suffix(".part")
        whole.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        whole.replace(self._file)

    def __enter__(self) -> "Progress":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        if self._writer:
            self._writer.close()

    def start_clock(self) -> None:
        """Count the time from now on: what went before was not spent on steps."""
        self._since = time.perf_counter()

    def waited(self, seconds: float) -> None:
        """Count time in which the devices were idle, since the next batch was not there."""
        self._waited_s += seconds

    def stepped(self, step: int, figures: Sequence[Mapping[str, Any]], batch_size: int) -> None:
        """Show the steps since the last call; the first one of a process, which compiles, is not timed."""
        self._kept += [{name: float(one[name]) for name in ("loss", "accuracy")} for one in figures]
        if self._is_compiled:
            self._n_chunks += len(figures) * batch_size
            self._spent_s += time.perf_counter() - self._since
        else:
            self._is_compiled, self._waited_s = True, 0.0
        self.start_clock()
        now = self._figures()
        text = f"loss {now['loss']:.3f}  accuracy {now['accuracy']:.3f}  {now['chunks_per_s']:.0f} chunks/s"
        self._bar.update(self._task, completed=step, description=text)

    def _figures(self) -> dict[str, float]:
        spent_s = max(1e-9, self._spent_s)
        return {
            "loss": float(np.mean([one["loss"] for one in self._kept])),
            "accuracy": float(np.mean([one["accuracy"] for one in self._kept])),
            "chunks_per_s": round(self._n_chunks / spent_s, 1),
            "waiting_share": round(self._waited_s / spent_s, 4) if self._n_chunks else 0.0,
        }

    def ended_epoch(self, step: int, epoch: int, scores: Mapping[str, float]) -> None:
        """Write a line of figures, and start counting anew.

        Raises:
            OutputError: It cannot be written.
        """
        row = {"step": step, "epoch": epoch, **self._figures(), **scores}
        if self._writer:
            with writing(self._file, REMEDY), self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            for name, value in row.items():
                self._writer.add_scalar(name, value, step)
        if self._is_first:
            self._console.print(_line(row), highlight=False, soft_wrap=True)
        self._kept, self._n_chunks, self._spent_s, self._waited_s = [], 0, 0.0, 0.0


def _line(row: Mapping[str, Any]) -> str:
    text = f"epoch {row['epoch']:>3}  loss {row['loss']:.3f}  accuracy {row['accuracy']:.3f}"
    if "val_accuracy" in row:
        text += f"  validation loss {row['val_loss']:.3f}  accuracy {row['val_accuracy']:.3f}"
    return f"{text}  {row['chunks_per_s']:.0f} chunks/s, {row['waiting_share']:.1%} of the time waiting for data"
