"""Where a run's figures go beside ``metrics.jsonl``: TensorBoard, Weights & Biases, MLflow, all by one interface."""

import contextlib
import importlib
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto import event_pb2
from tensorboardX.summary import scalar

from genrestream.errors import UsageError, first_line
from train.command.disk import saving

LoggerName = Literal["tensorboard", "wandb", "mlflow"]
PROJECT = "genrestream"
pb: Any = event_pb2  # its classes are made when it is imported, unseen by type checkers


class Logger(Protocol):
    """What a run's figures are written to."""

    def write(self, step: int, row: Mapping[str, float]) -> None:
        """Take the figures of an epoch, which ends at ``step``."""
        ...

    def close(self) -> None:
        """Write what is left; errors were reported before."""
        ...


class TensorBoard:
    """TensorBoard's event file, written at once: tensorboardX's own thread would print tracebacks on a full disk.

    Args:
        folder: The run's folder.
        first_step: What an earlier process wrote from this step on is hidden.
    """

    def __init__(self, folder: Path, first_step: int):
        self._folder = folder / "tensorboard"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._writer = EventsWriter(str(self._folder / "events"))
        start = pb.SessionLog(status=pb.SessionLog.START)
        self._add(pb.Event(step=first_step, session_log=start))

    def write(self, step: int, row: Mapping[str, float]) -> None:
        """Write a row."""
        with saving(self._folder):
            for name, value in row.items():
                self._add(pb.Event(step=step, summary=scalar(name, value)))
            self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(OSError):
            self._writer.close()

    def _add(self, event: Any) -> None:
        event.wall_time = time.time()
        self._writer.write_event(event)


class WandB:
    """Weights & Biases; a resumed run continues the same run there."""

    def __init__(self, folder: Path, first_step: int):
        wandb = _imported("wandb")
        self._run = wandb.init(project=PROJECT, name=folder.name, dir=str(folder), id=_id(folder), resume="allow")

    def write(self, step: int, row: Mapping[str, float]) -> None:
        """Send a row."""
        self._run.log(dict(row), step=step)

    def close(self) -> None:
        """Send what is left."""
        self._run.finish()


class MLflow:
    """MLflow, at the server that MLFLOW_TRACKING_URI names."""

    def __init__(self, folder: Path, first_step: int):
        self._mlflow = _imported("mlflow")
        self._mlflow.set_experiment(PROJECT)
        self._mlflow.start_run(run_name=folder.name)

    def write(self, step: int, row: Mapping[str, float]) -> None:
        """Send a row."""
        self._mlflow.log_metrics({name: float(value) for name, value in row.items()}, step=step)

    def close(self) -> None:
        """End the run there."""
        self._mlflow.end_run()


LOGGERS: dict[str, Callable[[Path, int], Logger]] = {"tensorboard": TensorBoard, "wandb": WandB, "mlflow": MLflow}


@contextlib.contextmanager
def opened(names: tuple[LoggerName, ...], folder: Path, first_step: int) -> Iterator[list[Logger]]:
    """Open the loggers of a run, and close all that were opened when the block ends or one of them does not open.

    Args:
        names: Which.
        folder: The run's folder.
        first_step: The first step that will be written.

    Raises:
        UsageError: One is not installed, or does not start.
        OutputError: The run's folder cannot be written.
    """
    with contextlib.ExitStack() as stack:
        loggers = [_opened(name, folder, first_step, stack) for name in dict.fromkeys(names)]
        yield loggers


def _opened(name: LoggerName, folder: Path, first_step: int, stack: contextlib.ExitStack) -> Logger:
    with saving(folder):
        try:
            logger = LOGGERS[name](folder, first_step)
        except (OSError, UsageError):
            raise
        except Exception as error:  # wandb and mlflow raise errors of many types: no login, no server
            raise UsageError(f"--log {name}: does not start ({first_line(error)})") from error
    stack.callback(logger.close)
    return logger


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UsageError(f"--log {name}: is not installed; pip install {name}") from error


def _id(folder: Path) -> str:
    """Return an identity that the run keeps when it is resumed, from a file in its folder."""
    file = folder / "wandb-id"
    if not file.exists():
        file.write_text(f"{folder.name}-{time.time_ns():x}")
    return file.read_text()
