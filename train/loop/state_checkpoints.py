"""A run's checkpoints: all that training needs to go on, saved by orbax. The latest two and the best are kept.

::

    OUTPUT/state/
    ├── 40/                       written by orbax: state, input position, scores, the run's identity
    │   └── digest                of all its files, by which damage is found
    ├── 44.orbax-checkpoint-tmp/  a step that is being saved, or was when its process was killed
    └── 44.unfinished             lies here as long
"""

import contextlib
import dataclasses
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grain
import jax
import numpy as np
from jax.experimental import multihost_utils
from orbax.checkpoint import v1 as ocp

from genrestream.errors import CheckpointError, UsageError
from train.command.disk import saving
from train.loop import sealed_folder
from train.loop.orbax import checkpointer, merit, quiet, require_room
from train.loop.state import TrainState, Weights
from train.loop.step import Step

FOLDER = "state"
Figures = dict[str, np.ndarray]  # of the steps of an epoch, by name, float32, shape (n_steps,)


@dataclasses.dataclass(frozen=True)
class Resumed:
    """Where training goes on.

    Attributes:
        state: The state after the last step that was saved.
        figures: Of the steps since the end of the last epoch; empty right after one.
    """

    state: TrainState
    figures: Figures


class Saved:
    """The checkpoints in a run's folder; all hosts save and load together.

    Args:
        folder: The run's folder.
        step: What is trained.
        resume: Whether there may be some already, to go on from.
        identity: What the run's weights follow from. Only the same run is resumed.

    Raises:
        UsageError: There are some, and they are not to be resumed or are of another run.
        CheckpointError: There are some, and all are damaged.
        OutputError: The folder cannot be written.
    """

    def __init__(self, folder: Path, step: Step, resume: bool, identity: str):
        self.folder, self._path, self._step, self._identity = folder, (folder / FOLDER).absolute(), step, identity
        with saving(self._path), quiet():
            self._path.mkdir(parents=True, exist_ok=True)
            found = sorted(int(one.name) for one in self._path.iterdir() if one.name.isdecimal())
            if found and not resume:
                raise UsageError(f"--output {folder}: holds a run already; go on with --resume, or name another folder")
            self._remove(self._not_whole(found))
            self._checkpoints = checkpointer(self._path)

    def __enter__(self) -> "Saved":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):  # a save that failed was reported, and is raised here again
            self._checkpoints.close()

    @property
    def latest_step(self) -> int:
        """The last step that was saved; 0 for none."""
        latest = self._checkpoints.latest
        return latest.step if latest else 0

    @property
    def best_step(self) -> int:
        """The saved step of the best validation accuracy, the first of equals; 0 for none."""
        scored = [one for one in self._checkpoints.checkpoints if one.metrics]
        return max(scored, key=lambda one: merit(one.metrics)).step if scored else 0

    def load(self, iterator: grain.DatasetIterator[Any]) -> Resumed:
        """Return the latest state, with the input pipeline set to it; the start where nothing was saved.

        Raises:
            CheckpointError: It cannot be loaded.
        """
        start, step = self._step.start(), self.latest_step
        if not step:
            return Resumed(start, {})
        figures: Any = self._about(step)["figures"]
        arrays = {name: np.array(values, np.float32) for name, values in figures.items()}
        return Resumed(self._load(step, start, input=iterator), arrays)

    def best(self, state: TrainState) -> Weights:
        """Return the weights of the best validated step; those of ``state`` where nothing was validated."""
        step = self.best_step
        return self._step.weights(self._load(step, state) if step else state)

    def save(
        self,
        step: int,
        state: TrainState,
        iterator: grain.DatasetIterator[Any],
        scores: Mapping[str, float] | None = None,
        figures: Figures | None = None,
    ) -> None:
        """Save a step, then remove checkpoints that are neither among the latest nor the best.

        Args:
            step: Its number.
            state: The state after it.
            iterator: Of the batches, as far as they were taken.
            scores: Of the validation, at the end of an epoch.
            figures: Of the steps since the end of the last epoch.

        Raises:
            OutputError: It cannot be written; the checkpoints before are whole.
        """
        about: Any = {"figures": {name: array.tolist() for name, array in (figures or {}).items()}}
        is_first = jax.process_index() == 0
        with saving(self._path, f"step {step} cannot be saved"), quiet():
            if is_first:
                self._mark(step).touch()
            require_room(self._path, sum(leaf.nbytes for leaf in jax.tree.leaves(state)))
            self._checkpoints.save_checkpointables(
                step,
                {"state": vars(state), "input": iterator},
                metrics={**scores, "step": step} if scores else None,
                custom_metadata=about | {"identity": self._identity},
                force=True,
            )
            if is_first:
                sealed_folder.seal(self._path / str(step))
                self._mark(step).unlink()

    def _load(self, step: int, like: TrainState, **more: Any) -> TrainState:
        shapes = jax.tree.map(lambda one: jax.ShapeDtypeStruct(one.shape, one.dtype, sharding=one.sharding), vars(like))
        try:
            with quiet():
                loaded = self._checkpoints.load_checkpointables(step, {"state": shapes, **more})
        except OSError as error:
            raise CheckpointError(f"{self._path / str(step)}: cannot be loaded ({error.strerror or error})") from error
        return TrainState(**loaded["state"])

    def _about(self, step: int) -> dict[str, Any]:
        metadata: Any = ocp.checkpointables_metadata(self._path / str(step)).custom_metadata
        return metadata

    def _not_whole(self, found: list[int]) -> list[int]:
        """Return the steps that are not whole; say which are damaged."""
        problems = {step: sealed_folder.problem(self._path / str(step)) for step in found}
        whole = [step for step in found if not problems[step]]
        wrong = [step for step in found if problems[step]]
        damaged = [f"{self._path / str(step)}: {problems[step]}" for step in wrong if not self._mark(step).exists()]
        if damaged and not whole:
            raise CheckpointError(f"{damaged[-1]}, and no other checkpoint is whole; start again in another folder")
        if whole:
            check_same_run(self.folder, self._about(whole[-1]).get("identity"), self._identity)
        if damaged and jax.process_index() == 0:
            print(f"warning: {'; '.join(damaged)}; going on from step {whole[-1]}", file=sys.stderr)
        return wrong

    def _mark(self, step: int) -> Path:
        return self._path / f"{step}.unfinished"

    def _remove(self, steps: list[int]) -> None:
        """Remove steps, and what a killed process left, once no host reads them any more."""
        _wait_for_all_hosts()
        if jax.process_index() == 0:
            for folder in (*self._path.glob("*.orbax-checkpoint-tmp"), *(self._path / str(step) for step in steps)):
                shutil.rmtree(folder)
            for mark in self._path.glob("*.unfinished"):
                mark.unlink()
        _wait_for_all_hosts()


def check_same_run(folder: Path, found: object, identity: str) -> None:
    """Make sure that a run goes on with its own options.

    Raises:
        UsageError: What the folder holds is of another run.
    """
    if found != identity:
        raise UsageError(
            f"--output {folder}: holds a run with another network, data, split, seed or other options;"
            " repeat its options, or name another folder"
        )


def _wait_for_all_hosts() -> None:
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices("checkpoints")
