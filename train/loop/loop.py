"""The training loop, one for all networks: steps, validation, checkpoints, resuming, stopping."""

import dataclasses
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grain
import jax
import numpy as np
from jax.experimental import multihost_utils

from genrestream.errors import GenrestreamError, UsageError
from genrestream.live.signals import Signals, signals_received
from train.command.entry import StoppedError
from train.loop.reports.loggers import LoggerName
from train.loop.reports.profile import Profile
from train.loop.reports.progress import Progress
from train.loop.sharding import gathered
from train.loop.state import TrainState, Weights
from train.loop.state_checkpoints import Saved
from train.loop.step import Step

FETCH_STEPS = 20  # figures are fetched only so often, or the device would wait for Python after each step


@dataclasses.dataclass(frozen=True)
class LoopConfig:
    """How long the training lasts, and what it saves.

    Attributes:
        n_epochs: Passes over the training chunks.
        patience: Stop after so many epochs without a better validation accuracy, and keep the best weights; 0 to
            train all epochs and keep the last. A part of --folds that has no validation tracks does so too.
        save_steps: Steps from one checkpoint to the next; there is one at the end of each epoch too.
        resume: Continue from the latest checkpoint in the output folder.
        log: Where figures go beside metrics.jsonl; wandb and mlflow must be installed.
        profile: Record what the devices do in ten steps, for TensorBoard or Perfetto.
    """

    n_epochs: int = 30
    patience: int = 0
    save_steps: int = 500
    resume: bool = False
    log: tuple[LoggerName, ...] = ("tensorboard",)
    profile: bool = False

    def __post_init__(self) -> None:
        for name, least in (("n_epochs", 1), ("patience", 0), ("save_steps", 1)):
            if getattr(self, name) < least:
                raise UsageError(f"--{name.replace('_', '-')} {getattr(self, name)}: must be at least {least}")


class NotANumberError(GenrestreamError):
    """The loss became infinite or undefined; the checkpoint before it is whole."""


@dataclasses.dataclass(frozen=True, eq=False)
class Validation:
    """What is scored after each epoch.

    Attributes:
        batches: Chunks in order, with ``track``, their track's number; the same each time they are iterated over.
        labels: The label of each track.
        is_assigned: Whether each host has chunks of its own, as many batches as the others.
    """

    batches: Any
    labels: np.ndarray
    is_assigned: bool = False

    def score(self, step: Step, weights: Weights) -> dict[str, float]:
        """Return the tracks' accuracy and loss by the mean vote over their chunks."""
        votes = np.zeros((len(self.labels), step.n_classes))
        n_votes = np.zeros(len(self.labels))
        for batch in self.batches:
            placed = step.to_devices(batch) if self.is_assigned else step.to_all_devices(batch)
            probs = np.asarray(step.probs(weights, placed))
            if self.is_assigned:
                batch = gathered({name: placed[name] for name in ("track", "weight")})
            np.add.at(votes, batch["track"], probs * batch["weight"][:, None])
            np.add.at(n_votes, batch["track"], batch["weight"])
        voted = n_votes > 0
        probs, labels = votes[voted] / n_votes[voted, None], self.labels[voted]
        loss = -np.log(np.maximum(probs[np.arange(len(labels)), labels], 1e-9)).mean()
        return {"val_accuracy": float((probs.argmax(axis=1) == labels).mean()), "val_loss": float(loss)}


def train(
    step: Step,
    batches: grain.IterDataset[Any],
    n_steps: int,
    config: LoopConfig,
    folder: Path,
    identity: str,
    validation: Validation | None = None,
) -> Weights:
    """Train to the last step, or until the validation accuracy stops rising.

    Args:
        step: The network and its step.
        batches: This host's share of each batch, without end.
        n_steps: Steps in all.
        config: What is kept, and when to stop.
        folder: Where checkpoints and metrics go.
        identity: Digest of what the weights follow from; only the same run is resumed.
        validation: What is scored after each epoch.

    Returns:
        The weights to keep: those of the best validated epoch with ``patience``, else the last.

    Raises:
        NotANumberError: The loss became infinite or undefined.
        StoppedError: Ctrl-C, SIGTERM or SIGHUP came; the state after the last step is saved.
        UsageError: There is a run in the folder already, and it is not to be resumed or is another one.
        CheckpointError: All its checkpoints are damaged.
        OutputError: A checkpoint cannot be written.
    """
    iterator = iter(batches)
    try:
        with Saved(folder, step, config.resume, identity) as saved:
            resumed = saved.load(iterator)
            with (
                signals_received() as signals,
                Progress(folder, n_steps, saved.latest_step, resumed.figures, config.log) as progress,
                Profile(folder, saved.latest_step, config.profile) as profile,
            ):
                run = _Run(step, iterator, n_steps, config, validation, saved, progress, signals, profile)
                return run(resumed.state)
    finally:
        iterator.close()  # a grain iterator that is not closed leaves its threads and processes behind


class _Run:
    def __init__(
        self,
        step: Step,
        iterator: grain.DatasetIterator[Any],
        n_steps: int,
        config: LoopConfig,
        validation: Validation | None,
        saved: Saved,
        progress: Progress,
        signals: Signals,
        profile: Profile,
    ):
        self.signals, self.profile = signals, profile
        self.step, self.iterator, self.n_steps, self.config = step, iterator, n_steps, config
        self.validation, self.saved, self.progress = validation, saved, progress
        self.epoch_steps = math.ceil(n_steps / config.n_epochs)
        self.figures: list[dict[str, jax.Array]] = []
        self.number = self.started = saved.latest_step

    def __call__(self, state: TrainState) -> Weights:
        while self.number < self.n_steps and not self._is_done():
            state, figures = self.step.train(state, self._batch())
            self.figures.append(figures)
            self.number += 1
            self.profile.stepped(self.number, figures)
            ends_epoch = self.number % self.epoch_steps == 0 or self.number == self.n_steps
            is_first = self.number == self.started + 1
            if len(self.figures) == FETCH_STEPS or is_first or ends_epoch or self.number % self.config.save_steps == 0:
                self._fetch()
            if ends_epoch:
                self._end_epoch(state)
            elif self.number % self.config.save_steps == 0:
                self.saved.save(self.number, state, self.iterator, figures=self.progress.figures)
                self.progress.start_clock()
            if number := self._signal():
                self._stop(state, number)
        self.saved.wait()
        return self.saved.best(state) if self.config.patience else self.step.weights(state)

    def _batch(self) -> dict[str, jax.Array]:
        """Return the next batch on the devices, sent while they still compute the step before."""
        begin = time.perf_counter()
        batch = self.step.to_devices(next(self.iterator))
        # The devices waited for the batch only if they had finished the step before.
        last: Any = self.figures[-1]["loss"] if self.figures else None
        if last is None or last.is_ready():
            self.progress.waited(time.perf_counter() - begin)
        jax.block_until_ready(self.figures[-2:-1])  # at most one step ahead, since batches are large
        return batch

    def _fetch(self) -> None:
        """Fetch the losses since the last time; must come before a save, so that no state without numbers is saved."""
        fetched: Sequence[dict[str, Any]] = jax.device_get(self.figures)
        first = self.number - len(fetched) + 1
        for number, figures in enumerate(fetched, first):
            for name, words in (("loss", "loss"), ("weights_norm", "norm of the weights")):
                if not math.isfinite(figures[name]):
                    self.saved.wait()
                    kept = self.saved.latest_step
                    raise NotANumberError(
                        f"step {number}: the {words} is {figures[name]};"
                        f" {f'the checkpoint of step {kept} is kept' if kept else 'nothing was saved yet'},"
                        f" try a lower --learning-rate{'' if self.step.config.clip_norm else ' or --clip-norm 1'}"
                    )
        self.progress.stepped(self.number, fetched, self.step.config.batch_size)
        self.figures = []

    def _end_epoch(self, state: TrainState) -> None:
        scores = self.validation.score(self.step, self.step.weights(state)) if self.validation else {}
        # The line comes first: without its checkpoint it is removed on resuming, but a missing line would stay missing.
        self.progress.ended_epoch(self.number, math.ceil(self.number / self.epoch_steps), scores)
        self.saved.save(self.number, state, self.iterator, scores)
        self.progress.start_clock()

    def _signal(self) -> int:
        """Return the number of the signal that ends the run, 0 for none; all hosts return the same.

        A signal may reach one host only, such as that of a machine that is taken away. The hosts ask each other after
        the steps where they have just waited for the devices anyway.
        """
        mine = next(iter(self.signals.received), 0)
        if jax.process_count() == 1:
            return mine
        return 0 if self.figures else int(multihost_utils.process_allgather(np.array(mine)).max())

    def _stop(self, state: TrainState, number: int) -> None:
        if self.saved.latest_step != self.number:
            if self.figures:
                self._fetch()
            self.saved.save(self.number, state, self.iterator, figures=self.progress.figures)
        self.saved.wait()
        raise StoppedError(128 + number, f"stopped; step {self.number} is saved, go on with --resume")

    def _is_done(self) -> bool:
        """Whether the validation accuracy has not risen for ``patience`` epochs."""
        best = self.saved.best_step
        return bool(self.config.patience and best) and self.number - best >= self.config.patience * self.epoch_steps
