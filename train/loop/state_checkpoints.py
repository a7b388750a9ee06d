"""A run's checkpoints: the state of training and of the input pipeline, by orbax; the latest and the best are kept."""

import contextlib
import logging
import shutil
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax

from genrestream.errors import OutputError, UsageError
from train.loop.state import TrainState, Weights
from train.loop.step import Step


class Saved:
    """The checkpoints in a run's folder.

    Args:
        folder: The run's folder; they lie in ``state`` beneath it.
        step: What is trained.
        resume: Whether there may be some already, to go on from.
        identity: Of the run: what its network, data and draws follow from. Only the same run is resumed.

    Raises:
        UsageError: There are some, and they are not to be resumed.
    """

    def __init__(self, folder: Path, step: Step, resume: bool, identity: str):
        logging.getLogger("absl").setLevel(logging.CRITICAL)  # orbax logs what it raises as well
        warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)  # what a failed save leaves
        from orbax.checkpoint import v1 as ocp

        policies = ocp.training.preservation_policies
        best = policies.BestN(n=1, get_metric_fn=_merit, keep_checkpoints_without_metrics=False)
        kept: Any = policies.AnyPreservationPolicy([policies.LatestN(1), best])
        self.folder, self._step, self._identity = folder, step, identity
        with self._reported("opened"):
            self._checkpoints = ocp.training.Checkpointer(
                str((folder / "state").absolute()),
                preservation_policy=kept,
                cleanup_tmp_directories=True,
            )
        if self.latest_step and not resume:
            self._checkpoints.close()
            raise UsageError(f"--output {folder}: holds a run already; go on with --resume, or name another folder")

    def __enter__(self) -> "Saved":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # What failed to be written fails again here; it was said once.
        with contextlib.suppress(Exception) if kind else self._reported("closed"):
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
        return max(scored, key=lambda one: _merit(one.metrics)).step if scored else 0

    def load(self, iterator: Iterator[Any]) -> TrainState:
        """Return the latest state, with the input pipeline set to it; the start where nothing was saved.

        Raises:
            UsageError: It is of another network or optimizer.
        """
        state = self._step.start()
        return self._load(self.latest_step, state, iterator) if self.latest_step else state

    def best(self, state: TrainState) -> Weights:
        """Return the weights of the best validated step; those of ``state`` where nothing was validated."""
        step = self.best_step
        return self._step.weights(self._load(step, state) if step else state)

    def save(
        self, step: int, state: TrainState, iterator: Iterator[Any], scores: Mapping[str, float] | None = None
    ) -> None:
        """Save a step.

        Raises:
            OutputError: It cannot be written; the checkpoints before are whole.
        """
        with self._reported(f"saved at step {step}"), _quiet():
            n_bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
            if (free := shutil.disk_usage(self.folder).free) < 2 * n_bytes:  # orbax would end in a page of tracebacks
                raise OSError(f"{free / 1e6:.0f} MB are free, {2 * n_bytes / 1e6:.0f} MB are needed")
            self._checkpoints.save_checkpointables(
                step,
                {"state": vars(state), "input": iterator},
                metrics={**scores, "step": step} if scores else None,
                custom_metadata={"identity": self._identity},
            )

    def _load(self, step: int, like: TrainState, iterator: Iterator[Any] | None = None) -> TrainState:
        shapes = jax.tree.map(lambda one: jax.ShapeDtypeStruct(one.shape, one.dtype, sharding=one.sharding), like)
        wanted: dict[str, Any] = {"state": vars(shapes)} | ({"input": iterator} if iterator else {})
        with self._reported("read"), _quiet():
            about = self._checkpoints.checkpointables_metadata(step)
            known: Any = about.custom_metadata or {}
            check_same_run(self.folder, known.get("identity"), self._identity)
            loaded = self._checkpoints.load_checkpointables(step, wanted)
            return TrainState(**loaded["state"])

    @contextlib.contextmanager
    def _reported(self, done: str) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, RuntimeError) as error:
            cause = str(error).splitlines()[0]
            raise OutputError(
                f"{self.folder / 'state'}: cannot be {done} ({cause}); make room, then go on with --resume"
            ) from error


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


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # orbax warns of what it does by default
        yield


def _merit(scores: Any) -> Any:
    """Return what the best checkpoint has most of: accuracy, and of equals the first is the best."""
    return scores["val_accuracy"], -scores["step"]
