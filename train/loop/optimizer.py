"""The optimizer: its rule, schedule, clipping and weight decay."""

import dataclasses
from typing import Literal

import jax.numpy as jnp
import optax

from genrestream.errors import UsageError
from train.loop.state import Weights


@dataclasses.dataclass(frozen=True)
class StepConfig:
    """How the weights are changed.

    Attributes:
        batch_size: Chunks in a step, over all devices.
        accumulate: Steps whose gradients are averaged for one change of the weights, for batches that the memory cannot
            hold.
        optimizer: The update rule.
        learning_rate: The highest learning rate.
        warmup: Share of the steps in which the learning rate rises; then it falls as a cosine.
        weight_decay: Decoupled decay of matrices and filters; with adamw only.
        clip_norm: Largest norm of a gradient; 0 for no limit.
        label_smoothing: Share of each label that is spread over all labels.
        average_decay: Decay at each step of the moving average of the weights, which is scored and kept; 0 for none.
        compute: Type of the network's arithmetic in training; weights stay float32.
        state: Keep the whole state on each device (replicated), or a part on each (sharded).
    """

    batch_size: int = 32
    accumulate: int = 1
    optimizer: Literal["adamw", "adam", "sgd", "rmsprop"] = "adamw"
    learning_rate: float = 1e-3
    warmup: float = 0.1
    weight_decay: float = 0.02
    clip_norm: float = 1.0
    label_smoothing: float = 0.1
    average_decay: float = 0.995
    compute: Literal["float32", "bfloat16"] = "float32"
    state: Literal["replicated", "sharded"] = "replicated"

    def __post_init__(self) -> None:
        for name in ("batch_size", "accumulate"):
            if getattr(self, name) < 1:
                raise UsageError(f"--{name.replace('_', '-')} {getattr(self, name)}: must be at least 1")
        if not self.learning_rate > 0:
            raise UsageError(f"--learning-rate {self.learning_rate}: must be positive")
        for name in ("warmup", "label_smoothing", "average_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise UsageError(f"--{name.replace('_', '-')} {getattr(self, name)}: must be from 0 to less than 1")
        for name in ("weight_decay", "clip_norm"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"--{name.replace('_', '-')} {getattr(self, name)}: must not be negative")


def optimizer(config: StepConfig, n_steps: int) -> optax.GradientTransformation:
    """Return the optimizer with its schedule, clipping and accumulation."""
    rate = _updates_schedule(config, n_steps)
    rules = {
        "adamw": lambda: optax.adamw(rate, weight_decay=config.weight_decay, mask=_matrices),
        "adam": lambda: optax.adam(rate),
        "sgd": lambda: optax.sgd(rate, momentum=0.9, nesterov=True),
        "rmsprop": lambda: optax.rmsprop(rate),
    }
    clip = optax.clip_by_global_norm(config.clip_norm) if config.clip_norm else optax.identity()
    rule = optax.chain(clip, rules[config.optimizer]())
    if config.accumulate == 1:
        return rule
    accumulated = optax.MultiSteps(rule, config.accumulate)
    return optax.GradientTransformation(accumulated.init, accumulated.update)  # pyright: ignore[reportArgumentType]


def schedule(config: StepConfig, n_steps: int) -> optax.Schedule:
    """Return the learning rate as a function of the step."""
    rate = _updates_schedule(config, n_steps)
    return lambda step: rate(jnp.asarray(step) // config.accumulate)


def _updates_schedule(config: StepConfig, n_steps: int) -> optax.Schedule:
    """Return the learning rate as a function of the number of updates; one comes after ``accumulate`` steps."""
    n_updates = max(1, n_steps // config.accumulate)
    n_warmup = max(1, round(config.warmup * n_updates))
    return optax.schedules.warmup_cosine_decay_schedule(
        0.0, config.learning_rate, n_warmup, max(n_updates, n_warmup + 1)
    )


def _matrices(params: Weights) -> dict[str, bool]:
    return {name: array.ndim > 1 for name, array in params.items()}
