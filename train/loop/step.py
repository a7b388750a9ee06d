"""One training step: front end, augmentation, network, loss, update, jitted with the batch sharded over all devices."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import NamedSharding, PartitionSpec

from genrestream.errors import UsageError
from genrestream.features.config import FrontendConfig
from genrestream.features.frontend import features
from genrestream.inference.network import Parts, inferring, weights_of
from train.augment.config import OFF, AugmentConfig
from train.augment.spectrogram import mixup, mixup_shares, spec_augment
from train.loop.optimizer import StepConfig, optimizer, schedule
from train.loop.sharding import mesh
from train.loop.state import TrainState, Weights

Batch = Mapping[str, jax.Array]
Forward = Callable[[Any, jax.Array], jax.Array]


def in_steps(n_frames: int) -> Forward:
    """Return the forward pass of a stateful network over examples of several chunks: a step for each chunk.

    The state goes from step to step and the gradient does not: truncated back-propagation through time (Williams &
    Peng 1990, doi 10.1162/neco.1990.2.4.490).

    Args:
        n_frames: Frames of a chunk.
    """

    def forward(module: Any, x: jax.Array) -> jax.Array:
        """Return the logits after each chunk, shape (batch, n_chunks, n_classes)."""
        state, answers = module.initial_state(len(x)), []
        for start in range(0, x.shape[1], n_frames):
            logits, state = module.step(x[:, start : start + n_frames], jax.lax.stop_gradient(state))
            answers.append(logits)
        return jnp.stack(answers, axis=1)

    return forward


class Network:
    """A module as arrays: its trained parameters and its statistics by dotted name, and how to join them again.

    Args:
        module: The network, with its initial or pretrained weights.
        frozen: Whether the parameter of a name is not trained.
        forward: Function from module and features to logits, shape (batch, n_classes) or, for several answers one after
            another, (batch, n_answers, n_classes); the module's own call where not given.
    """

    def __init__(
        self, module: nnx.Module, frozen: Callable[[str], bool] = lambda name: False, forward: Forward | None = None
    ):
        self.forward = forward or (lambda module, x: module(x))
        self._parts = Parts(module)
        variables = self._parts.variables
        parameters = {name for name, variable in variables.items() if issubclass(variable.type, nnx.Param)}
        self.frozen = {name for name in parameters if frozen(name)}
        arrays = {name: jnp.asarray(variable.get_value()) for name, variable in variables.items()}
        self.params = {name: array for name, array in arrays.items() if name in parameters - self.frozen}
        self.statistics = {name: array for name, array in arrays.items() if name not in self.params}

    def train(self, params: Weights, statistics: Weights, x: jax.Array, key: jax.Array) -> tuple[jax.Array, Weights]:
        """Return the logits with dropout, and the statistics that the batch changed."""
        module = self._parts.together(params | statistics)
        nnx.reseed(module, default=key, dropout=key)
        logits = self.forward(module, x)
        after = weights_of(module)
        return logits, {name: after[name] for name in set(statistics) - self.frozen}

    def infer(self, weights: Weights, x: jax.Array) -> jax.Array:
        """Return the logits as the stream computes them."""
        return self.forward(inferring(self._parts.together(weights)), x)


class Step:
    """The jitted functions of a run, and the layout of its arrays over the devices.

    Args:
        network: The network to train.
        frontend: Config of the features; None where the inputs are features already.
        n_classes: Number of labels.
        augment: Strength of SpecAugment and mixup; the other augmentations are the input pipeline's.
        config: How the weights are changed.
        n_steps: Steps of the whole run, for the schedule.
        seed: Seed of dropout, SpecAugment and mixup.

    Raises:
        UsageError: The batch cannot be divided among the devices.
    """

    def __init__(
        self,
        network: Network,
        frontend: FrontendConfig | None,
        n_classes: int,
        augment: AugmentConfig = OFF,
        config: StepConfig = StepConfig(),
        n_steps: int = 1,
        seed: int = 0,
    ):
        self.network, self.frontend, self.n_classes = network, frontend, n_classes
        self.augment, self.config, self.key = augment, config, jax.random.key(seed)
        self.mesh = mesh()
        if config.batch_size % self.mesh.size:
            raise UsageError(f"--batch-size {config.batch_size}: must be divisible by the {self.mesh.size} devices")
        self.optimizer, self.schedule = optimizer(config, n_steps), schedule(config, n_steps)
        self.train = jax.jit(self._train, donate_argnums=0)
        self._whole = NamedSharding(self.mesh, PartitionSpec())
        self.probs = jax.jit(self._probs, out_shardings=self._whole)

    def start(self) -> TrainState:
        """Return the state before the first step, laid out over the devices."""
        params, statistics = self.network.params, self.network.statistics
        state = TrainState(
            step=jnp.zeros((), jnp.int32),
            params=params,
            statistics=statistics,
            average=params | statistics if self.config.average_decay else {},
            optimizer=jax.tree.leaves(self.optimizer.init(params)),
        )
        # Copies, since the step donates the memory of its state, and no array may be donated twice.
        copies = jax.tree.map(jnp.copy, state)
        return jax.tree.map(lambda array: jax.device_put(array, self._sharding(array)), copies)

    def to_devices(self, batch: Mapping[str, np.ndarray]) -> dict[str, jax.Array]:
        """Return a batch of this host, divided over its devices."""
        sharding = NamedSharding(self.mesh, PartitionSpec("data"))
        return {name: jax.make_array_from_process_local_data(sharding, array) for name, array in batch.items()}

    def to_all_devices(self, batch: Mapping[str, np.ndarray]) -> dict[str, jax.Array]:
        """Return a batch that every host has, divided over all devices; a copy on each where they do not divide it."""
        n_rows = len(batch["inputs"])
        spec = PartitionSpec("data") if n_rows % self.mesh.size == 0 else PartitionSpec()
        sharding = NamedSharding(self.mesh, spec)
        return {
            name: jax.make_array_from_callback(array.shape, sharding, array.__getitem__)
            for name, array in batch.items()
        }

    def weights(self, state: TrainState) -> Weights:
        """Return the weights to score and keep: the moving average, or the trained weights where there is none."""
        return state.average if self.config.average_decay else state.params | state.statistics

    def losses(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Return each example's loss, shape (batch,), from the network's outputs; here its logits."""
        logits = outputs.astype(jnp.float32).reshape(len(targets), -1, self.n_classes)
        return optax.losses.softmax_cross_entropy(logits, targets[:, None]).mean(axis=1)

    def scores(self, outputs: jax.Array, targets: jax.Array, weight: jax.Array) -> dict[str, jax.Array]:
        """Return what is reported of a step beside its loss."""
        answers = outputs.reshape(len(targets), -1, self.n_classes).argmax(axis=-1)
        hits = jnp.sum((answers == targets.argmax(axis=-1)[:, None]).mean(axis=1) * (weight > 0))
        return {"accuracy": hits / jnp.maximum(1, jnp.sum(weight > 0))}

    def _sharding(self, array: Any) -> NamedSharding:
        spec: list[str | None] = [None] * array.ndim
        if self.config.state == "sharded" and array.ndim:
            widest = int(np.argmax(array.shape))
            spec[widest] = "data" if array.shape[widest] % self.mesh.size == 0 else None
        return NamedSharding(self.mesh, PartitionSpec(*spec))

    def _train(self, state: TrainState, batch: Batch) -> tuple[TrainState, dict[str, jax.Array]]:
        keys = jax.random.split(jax.random.fold_in(self.key, state.step), 3)
        x, targets = self._augmented(batch, keys[0], keys[1])

        def loss_of(params: Weights) -> tuple[jax.Array, tuple[jax.Array, Weights]]:
            # Sharded weights are gathered here; XLA would gather each where it is used, which may be in a loop.
            weights, statistics = jax.lax.with_sharding_constraint((params, state.statistics), self._whole)
            statistics |= self._cast({name: statistics[name] for name in self.network.frozen})
            logits, statistics = self.network.train(self._cast(weights), statistics, self._cast(x), keys[2])
            losses = self.losses(logits, targets)
            return jnp.sum(losses * batch["weight"]) / jnp.maximum(1e-9, jnp.sum(batch["weight"])), (logits, statistics)

        (loss, (logits, statistics)), gradients = jax.value_and_grad(loss_of, has_aux=True)(state.params)
        rules = jax.tree.unflatten(self._rules, state.optimizer)
        updates, rules = self.optimizer.update(gradients, rules, state.params)
        params: Any = optax.apply_updates(state.params, updates)
        statistics = state.statistics | statistics
        after = TrainState(
            step=state.step + 1,
            params=params,
            statistics=statistics,
            average=self._averaged(state, params | statistics),
            optimizer=jax.tree.leaves(rules),
        )
        figures = {"loss": loss, "weights_norm": optax.tree.norm(params)}
        figures |= self.scores(logits, targets, batch["weight"])
        figures |= {"gradient_norm": optax.tree.norm(gradients), "learning_rate": self.schedule(state.step)}
        return jax.lax.with_sharding_constraint(after, jax.tree.map(self._sharding, after)), figures

    def _augmented(self, batch: Batch, mask_key: jax.Array, mixup_key: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return the features with SpecAugment and mixup, and the targets: smoothed, shape (batch, n_classes)."""
        x, targets = self._features(batch), jax.nn.one_hot(batch["label"], self.n_classes)
        x = spec_augment(x, mask_key, self.augment)
        if self.augment.mixup:
            # Each device draws all shares, since drawing is a loop: XLA's CPU devices can wait for each other endlessly
            # when one exchanges values inside a loop and another does so after it.
            shares = jax.lax.with_sharding_constraint(mixup_shares(mixup_key, len(x), self.augment), self._whole)
            neighbour_counts = jnp.roll(batch["weight"], 1) > 0
            x, targets = mixup(x, targets, jnp.where(neighbour_counts, shares, 1.0))
        return x, optax.losses.smooth_labels(targets, self.config.label_smoothing)

    def _averaged(self, state: TrainState, now: Weights) -> Weights:
        """Return the moving average of the weights after a step; empty where none is kept."""
        # Early in training the average follows faster, or the initial weights would count in it for too long.
        decay = jnp.minimum(self.config.average_decay, (1 + state.step) / (10 + state.step))
        return {name: decay * old + (1 - decay) * now[name] for name, old in state.average.items()}

    def _features(self, batch: Batch) -> jax.Array:
        return batch["inputs"] if self.frontend is None else features(batch["inputs"], self.frontend)

    @property
    def _rules(self) -> Any:
        return jax.tree.structure(jax.eval_shape(self.optimizer.init, self.network.params))

    def _cast(self, tree: Any) -> Any:
        dtype = jnp.dtype(self.config.compute)
        return jax.tree.map(lambda array: array.astype(dtype) if array.dtype == jnp.float32 else array, tree)

    def _probs(self, weights: Weights, batch: Batch) -> jax.Array:
        x = self._features(batch)
        logits = self.network.infer(weights, x).reshape(len(x), -1, self.n_classes)
        return jax.nn.softmax(logits[:, -1])
