"""A run's checkpoints: all that the training needs to continue. The latest two and the best are kept.

Training pauses only while the arrays are copied; a thread writes them.

::

    OUTPUT/state/
    ├── 40/checkpoint       a sealed file, with checksums: identity, scores and input position, then the arrays as .npz
    ├── 42/checkpoint
    └── 44.part/            left by a process that was killed while it saved; removed by the next one
"""

import concurrent.futures
import contextlib
import dataclasses
import io
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import grain
import jax
import numpy as np

from genrestream.errors import CheckpointError, UsageError
from train.command.disk import saving
from train.data import hosts, sealed
from train.loop.sharding import gathered
from train.loop.state import TrainState, Weights
from train.loop.step import Step

FOLDER = "state"
FILE = "checkpoint"
N_LATEST = 2  # a run continues from the second if the first is damaged
Figures = dict[str, np.ndarray]  # of the steps of an epoch, by name, shape (n_steps,)


@dataclasses.dataclass(frozen=True)
class Resumed:
    """Where the training continues.

    Attributes:
        state: The state after the last step that was saved.
        figures: Of the steps since the end of the last epoch; empty right after one.
    """

    state: TrainState
    figures: Figures


class Saved:
    """The checkpoints in a run's folder; the first host writes them, all hosts read them.

    A context manager: when it ends, nothing is being written any more.

    Args:
        folder: The run's folder.
        step: What is trained.
        resume: Whether there may be some already, to continue from.
        identity: What the run's weights follow from. Only the same run is resumed.

    Raises:
        UsageError: There are some, and they are not to be resumed or are of another run.
        CheckpointError: There are some, and all are damaged.
        OutputError: The folder cannot be written.
    """

    def __init__(self, folder: Path, step: Step, resume: bool, identity: str):
        self.folder, self._path, self._step, self._identity = folder, folder / FOLDER, step, identity
        with hosts.together():
            with saving(self._path):
                self._path.mkdir(parents=True, exist_ok=True)
                for part in self._path.glob("*.part"):
                    shutil.rmtree(part, ignore_errors=True)
            self._scores = self._whole(accepted(folder, resume, identity))
        if any(steps != [*self._scores] for steps in hosts.all_gathered([*self._scores])):
            raise UsageError(f"--output {folder}: the processes find different checkpoints; name a folder that all see")
        self._writer = concurrent.futures.ThreadPoolExecutor(1)
        self._written: concurrent.futures.Future[None] | None = None  # of the last save, until it was waited for

    def __enter__(self) -> "Saved":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.shutdown()
        if self._written and (failure := self._written.exception()):  # an error of the training came before it
            print(f"warning: {failure}", file=sys.stderr)

    @property
    def latest_step(self) -> int:
        """The last step that was saved; 0 for none."""
        return max(self._scores, default=0)

    @property
    def best_step(self) -> int:
        """The saved step of the best validation accuracy, the first of equals; 0 for none."""
        scored = {step: scores["val_accuracy"] for step, scores in self._scores.items() if "val_accuracy" in scores}
        return max(scored, key=lambda step: (scored[step], -step), default=0)

    def load(self, iterator: grain.DatasetIterator[Any]) -> Resumed:
        """Return the latest state, with the input pipeline set to it; the start where nothing was saved."""
        start = self._step.start()
        if not self.latest_step:
            return Resumed(start, {})
        about, arrays = self._read(self.latest_step)
        iterator.set_state(about["input"])
        return Resumed(_state(arrays, start), {name: arrays[f"figures/{name}"] for name in about["figures"]})

    def best(self, state: TrainState) -> Weights:
        """Return the weights of the best validated step; those of ``state`` where nothing was validated.

        What was saved must have been waited for.
        """
        if not self.best_step:
            return self._step.weights(state)
        return self._step.weights(_state(self._read(self.best_step)[1], state))

    def save(
        self,
        step: int,
        state: TrainState,
        iterator: grain.DatasetIterator[Any],
        scores: Mapping[str, float] | None = None,
        figures: Figures | None = None,
    ) -> None:
        """Begin to save a step; then checkpoints are removed that are neither among the latest nor the best.

        Args:
            step: Its number.
            state: The state after it.
            iterator: Of the batches, as far as they were taken.
            scores: Of the validation, at the end of an epoch.
            figures: Of the steps since the end of the last epoch.

        Raises:
            OutputError: The save before could not be written; the checkpoints before it are whole.
        """
        self.wait()
        # Copies, since the next step takes the memory of the state.
        arrays = {name: array.copy() for name, array in gathered(_named(state)).items()}
        arrays |= {f"figures/{name}": array for name, array in (figures or {}).items()}
        about = {
            "identity": self._identity,
            "scores": dict(scores or {}),
            "input": iterator.get_state(),
            "figures": list(figures or {}),
        }
        self._scores[step] = dict(scores or {})
        old = self._forget_old()
        if jax.process_index() == 0:
            self._written = self._writer.submit(self._replace, step, about, arrays, old)

    def wait(self) -> None:
        """Wait until what was saved is on the disk; every host must call it.

        Raises:
            OutputError: It could not be written; the checkpoints before it are whole.
        """
        with hosts.together():  # nor may another host read what is not written yet
            if written := self._written:
                self._written = None
                written.result()

    def _whole(self, found: list[int]) -> dict[int, dict[str, float]]:
        """Return the scores of each step that is saved whole; say which are not."""
        scores, damaged = {}, []
        for step in found:
            try:
                scores[step] = sealed.verify(self._path / str(step) / FILE).about["scores"]
            except sealed.DamagedError as error:
                damaged.append(str(error))
        if damaged and not scores:
            raise CheckpointError(f"{damaged[-1]}, and no other checkpoint is whole; start again in another folder")
        if damaged and jax.process_index() == 0:
            print(f"warning: {'; '.join(damaged)}; going on from step {max(scores)}", file=sys.stderr)
        return scores

    def _read(self, step: int) -> tuple[dict[str, Any], Figures]:
        try:
            about, content = sealed.read(self._path / str(step) / FILE)
        except sealed.DamagedError as error:
            raise CheckpointError(f"{error}; go on with --resume from the one before") from error
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return about, dict(arrays)

    def _replace(self, step: int, about: dict[str, Any], arrays: Figures, old: list[int]) -> None:
        with saving(self._path, f"step {step} cannot be saved"):
            self._write(step, about, arrays)
        for one in old:
            shutil.rmtree(self._path / str(one), ignore_errors=True)

    def _write(self, step: int, about: dict[str, Any], arrays: Figures) -> None:
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **arrays)  # pyright: ignore[reportArgumentType]
        part, place = self._path / f"{step}.part", self._path / str(step)
        try:
            part.mkdir()
            sealed.write(part / FILE, about, [content.getvalue()])
            if place.exists():  # damaged, or the run would have continued from it
                shutil.rmtree(place)
            part.rename(place)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise

    def _forget_old(self) -> list[int]:
        """Return the steps whose checkpoints are not needed any more."""
        kept = {*sorted(self._scores)[-N_LATEST:], self.best_step}
        old = [step for step in self._scores if step not in kept]
        for step in old:
            del self._scores[step]
        return old


def accepted(folder: Path, resume: bool, identity: str) -> list[int]:
    """Return the steps that are saved in a run's folder, after making sure that the run may continue there.

    Args:
        folder: The run's folder; it is not changed.
        resume: Whether there may be some.
        identity: What the run's weights follow from.

    Raises:
        UsageError: There are some, and they are not to be resumed or are of another run.
    """
    path = folder / FOLDER
    found = sorted(int(one.name) for one in path.iterdir() if one.name.isdecimal()) if path.is_dir() else []
    if found and not resume:
        raise UsageError(f"--output {folder}: holds a run already; go on with --resume, or name another folder")
    for step in found:
        with contextlib.suppress(sealed.DamagedError):  # damage is reported where the file is read
            check_same_run(folder, sealed.about(path / str(step) / FILE)["identity"], identity)
    return found


def check_same_run(folder: Path, found: object, identity: str) -> None:
    """Make sure that a run continues with its own options.

    Raises:
        UsageError: What the folder holds is of another run.
    """
    if found != identity:
        raise UsageError(
            f"--output {folder}: holds a run with another network, data, split, seed, number of processes or other"
            " options; repeat its options, or name another folder"
        )


def _named(state: TrainState) -> Weights:
    """Return the arrays of a state by name, such as ``params/dense.kernel``."""
    named = jax.tree_util.tree_leaves_with_path(state)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): array for path, array in named}


def _state(arrays: Figures, like: TrainState) -> TrainState:
    """Lay saved arrays out over the devices as another state is, and put them together."""

    def placed(array: np.ndarray, like: jax.Array) -> jax.Array:
        return jax.make_array_from_callback(like.shape, like.sharding, array.__getitem__)

    leaves = [placed(arrays[name], leaf) for name, leaf in _named(like).items()]
    return jax.tree.unflatten(jax.tree.structure(like), leaves)
