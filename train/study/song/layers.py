"""Other layers for single chunks than the linear one: group-robust, and of two layers; their votes are the mean's."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float

from genrestream.teaching.fit import fit_linear
from genrestream.voting.probabilities import probabilities
from train.study.song.heads import N_STEPS, Folds, Heads
from train.study.song.songs import Songs
from train.study.song.votes import averaged, mean, so_far

N_ROUNDS, RATE = 5, 1.0  # of the group weights; how much a group's loss raises its weight in a round
N_UNITS, N_NETWORKS = 128, 3  # of two layers; the answers of several networks are averaged
N_EPOCHS, BATCH_SIZE, LEARNING_RATE, WEIGHT_DECAY, DROPOUT = 30, 256, 1e-3, 0.05, 0.5


def group_robust(heads: Heads, without: Folds) -> np.ndarray:
    """Fit the linear layer with more weight on each dataset's genres that it finds hard (Sagawa et al., ICLR 2020)."""
    songs = heads.songs
    rows, place, weights = songs.chunks(without)
    labels = songs.labels[place]
    groups = np.unique([f"{songs.domains[one]} {songs.labels[one]}" for one in place], return_inverse=True)[1]
    shares = np.bincount(groups, weights) / weights.sum()
    penalties, kernel, bias = 1 / np.maximum(1e-6, rows.var(axis=0)), np.empty(0), np.empty(0)
    raised = np.ones(len(shares))
    for _ in range(N_ROUNDS):
        kernel, bias = fit_linear(rows, labels, weights * raised[groups], penalties, len(songs.genres), N_STEPS)
        probs = probabilities(rows @ kernel + bias, 1.0, multi_label=False)
        losses = -np.log(np.maximum(1e-9, probs[np.arange(len(labels)), labels]))
        raised = raised * np.exp(RATE * np.bincount(groups, weights * losses) / np.bincount(groups, weights))
        raised = raised / (shares @ raised)
    return _log_vote(songs.features @ kernel + bias)


class TwoLayers(nnx.Module):
    """A hidden layer of rectified units between the features and the logits."""

    def __init__(self, n_inputs: int, n_genres: int, rngs: nnx.Rngs):
        self.hidden = nnx.Linear(n_inputs, N_UNITS, rngs=rngs)
        self.dropout = nnx.Dropout(DROPOUT, rngs=rngs)
        self.output = nnx.Linear(N_UNITS, n_genres, rngs=rngs)

    def __call__(self, rows: Float[Array, "*shape n_inputs"]) -> Float[Array, "*shape n_genres"]:
        """Return the logits."""
        return self.output(self.dropout(nnx.relu(self.hidden(rows))))


def two_layers(heads: Heads, without: Folds) -> np.ndarray:
    """Fit networks of two layers; their logits are averaged."""
    songs = heads.songs
    rows, place, weights = songs.chunks(without)
    spread = rows.std(axis=0).mean()  # components keep their sizes, so that the small ones count less
    return _log_vote(
        np.mean([_trained(songs, rows / spread, place, weights, spread, seed) for seed in range(N_NETWORKS)], axis=0)
    )


def two_layers_and_mean(heads: Heads, without: Folds) -> np.ndarray:
    """Take the mean of the log probabilities of both."""
    return averaged(mean(heads, without), two_layers(heads, without))


def _trained(
    songs: Songs, rows: np.ndarray, place: np.ndarray, weights: np.ndarray, spread: np.floating, seed: int
) -> np.ndarray:
    network = TwoLayers(rows.shape[1], len(songs.genres), nnx.Rngs(seed))
    n_steps = N_EPOCHS * len(rows) // BATCH_SIZE
    rate = optax.schedules.cosine_decay_schedule(LEARNING_RATE, n_steps)
    optimizer = nnx.Optimizer(network, optax.adamw(rate, weight_decay=WEIGHT_DECAY), wrt=nnx.Param)
    rng, step = np.random.default_rng(seed), nnx.jit(_step)
    for _ in range(n_steps):
        batch = rng.choice(len(rows), BATCH_SIZE, p=weights / weights.sum())
        step(network, optimizer, rows[batch], songs.labels[place[batch]])
    network.eval()
    return np.asarray(network(jnp.asarray(songs.features) / spread), np.float64)


def _step(network: Any, optimizer: Any, rows: Any, labels: Any) -> None:
    def loss(network: Any) -> Any:
        return optax.softmax_cross_entropy_with_integer_labels(network(rows), labels).mean()

    optimizer.update(network, nnx.grad(loss)(network))


def _log_vote(logits: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(1e-9, so_far(probabilities(logits, 1.0, multi_label=False))))
