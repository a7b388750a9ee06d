"""Votes with a network: one query, a GRU or a causal attention layer over the chunks so far.

Each is a correction of the mean vote's log probabilities that starts at zero, so that what it cannot learn it leaves as
it is. It is trained on random cuts of tracks, with chunks left out, and scored after every chunk.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float

from train.study.song.heads import Folds, Heads
from train.study.song.songs import MOST, Songs
from train.study.song.votes import calibrated_mean

N_INPUTS = 32  # principal components of a chunk that a network sees, beside the layer's log probabilities
Chunks = Float[Array, "batch n_chunks n_inputs"]
Probs = Float[Array, "batch n_chunks n_genres"]
ZEROS = nnx.initializers.zeros


@dataclasses.dataclass(frozen=True)
class Training:
    """How a network is trained.

    Attributes:
        n_steps: Batches.
        batch_size: Cuts of tracks in a batch.
        learning_rate: At the beginning; it falls to 0 as a cosine.
        weight_decay: See ``optax.adamw``.
        dropout: Share of the inputs that are 0 for all of a cut.
        left_out: Largest share of the chunks left out of a cut.
    """

    n_steps: int = 200
    batch_size: int = 128
    learning_rate: float = 3e-3
    weight_decay: float = 0.1
    dropout: float = 0.3
    left_out: float = 0.3


class Query(nnx.Module):
    """The mean vote with weights: how much a chunk counts follows from its features (attention by one query)."""

    def __init__(self, n_inputs: int, n_genres: int, rngs: nnx.Rngs):
        self.query = nnx.Linear(n_inputs, 1, kernel_init=ZEROS, rngs=rngs)

    def __call__(self, chunks: Chunks, probs: Probs, mean_vote: Probs) -> Probs:
        """Return the log probabilities after each chunk; ``mean_vote`` are those of the mean."""
        weights = jnp.exp(3 * jnp.tanh(self.query(chunks)))
        weighted = jnp.cumsum(weights * probs, axis=1) / jnp.cumsum(weights, axis=1)
        return mean_vote + jnp.log(weighted + 1e-6) - jnp.log(_so_far(probs) + 1e-6)


class Gru(nnx.Module):
    """A GRU whose state becomes a correction of the mean vote."""

    def __init__(self, n_inputs: int, n_genres: int, rngs: nnx.Rngs, n_units: int = 32):
        self.cell = nnx.GRUCell(n_inputs, n_units, rngs=rngs)
        self.output = nnx.Linear(n_units, n_genres, kernel_init=ZEROS, rngs=rngs)
        self.n_units = n_units

    def __call__(self, chunks: Chunks, probs: Probs, mean_vote: Probs) -> Probs:
        """Return the log probabilities after each chunk."""
        state, states = jnp.zeros((len(chunks), self.n_units)), []
        for chunk in jnp.moveaxis(chunks, 1, 0):
            state, _ = self.cell(state, chunk)
            states.append(state)
        return mean_vote + self.output(jnp.stack(states, axis=1))


class Attention(nnx.Module):
    """A causal attention layer, and the mean of its inputs, that become a correction of the mean vote."""

    def __init__(self, n_inputs: int, n_genres: int, rngs: nnx.Rngs, n_units: int = 32):
        self.inputs = nnx.Linear(n_inputs, n_units, rngs=rngs)
        self.attention = nnx.MultiHeadAttention(2, n_units, decode=False, rngs=rngs)
        self.output = nnx.Linear(2 * n_units, n_genres, kernel_init=ZEROS, rngs=rngs)

    def __call__(self, chunks: Chunks, probs: Probs, mean_vote: Probs) -> Probs:
        """Return the log probabilities after each chunk."""
        units = jax.nn.gelu(self.inputs(chunks))
        heard = jnp.tril(jnp.ones((chunks.shape[1],) * 2, bool))
        seen = jnp.concatenate([jnp.tanh(self.attention(units, mask=heard)), _so_far(units)], axis=-1)
        return mean_vote + self.output(seen)


def _so_far(values: Any) -> Any:
    return jnp.cumsum(values, axis=1) / jnp.arange(1, values.shape[1] + 1)[:, None]


class Learned:
    """A network as a rule.

    Args:
        network: Its class.
        training: How it is trained.
        seed: Of the initial weights and the draws.
    """

    def __init__(self, network: type, training: Training | None = None, seed: int = 0):
        self._network, self._training, self._seed = network, training or Training(), seed
        self._step, self._votes = nnx.jit(_step), nnx.jit(_log_votes)

    def __call__(self, heads: Heads, without: Folds) -> np.ndarray:
        """Train it without some folds; return the log probabilities of all tracks after each chunk."""
        songs, training = heads.songs, self._training
        mean_vote = calibrated_mean(heads, without)
        probs, sharpness = mean_vote.probs, np.float32(mean_vote.sharpness)
        chunks = _inputs(songs, probs)
        network = self._network(chunks.shape[-1], len(songs.genres), nnx.Rngs(self._seed))
        rate = optax.schedules.cosine_decay_schedule(training.learning_rate, training.n_steps)
        optimizer = nnx.Optimizer(network, optax.adamw(rate, weight_decay=training.weight_decay), wrt=nnx.Param)
        rng, own = np.random.default_rng(self._seed), songs.without(without)
        for _ in range(training.n_steps):
            batch = rng.choice(own, training.batch_size, p=songs.weights[own] / songs.weights[own].sum())
            order, lengths = _cuts(songs.lengths[batch], training.left_out, rng)
            kept = rng.random((len(batch), 1, chunks.shape[-1])) >= training.dropout
            cut, cut_probs = (values[batch[:, None], order] for values in (chunks, probs))
            cut = (cut * kept / (1 - training.dropout)).astype(np.float32)
            self._step(network, optimizer, cut, cut_probs.astype(np.float32), sharpness, songs.labels[batch], lengths)
        log_votes = self._votes(network, chunks, probs.astype(np.float32), sharpness)
        return np.asarray(log_votes, np.float64)


def _inputs(songs: Songs, probs: np.ndarray) -> np.ndarray:
    components = songs.features[..., :N_INPUTS]
    spread = components[songs.is_chunk].std(axis=0)
    return np.concatenate([components / spread, np.log(np.maximum(3e-4, probs)) / 3], axis=-1).astype(np.float32)


def _cuts(lengths: np.ndarray, left_out: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw the chunks of a cut of each track, in order, and how many they are; half of the cuts begin at the start."""
    n_tracks, places = len(lengths), np.arange(MOST)
    starts = np.where(rng.random(n_tracks) < 0.5, 0, rng.integers(0, lengths))[:, None]
    kept = rng.random((n_tracks, MOST)) >= left_out * rng.random((n_tracks, 1))
    kept = (kept & (places >= starts) & (places < lengths[:, None])) | (places == starts)
    return np.argsort(~kept, axis=1, kind="stable"), kept.sum(axis=1)


def _log_votes(network: Any, chunks: Any, probs: Any, sharpness: Any) -> Any:
    counts = jnp.arange(1, chunks.shape[1] + 1)[:, None]
    vote = jax.nn.log_softmax(jnp.log(_so_far(probs) + 1e-9) * (1 + sharpness * (1 - 1 / counts)))
    return jax.nn.log_softmax(network(chunks, probs, vote))


def _step(network: Any, optimizer: Any, chunks: Any, probs: Any, sharpness: Any, labels: Any, lengths: Any) -> None:
    """Take a step on the loss after each chunk, those of 1, 2, 4, … chunks with equal weight."""

    def loss(network: Any) -> Any:
        log_votes = _log_votes(network, chunks, probs, sharpness)
        of_labels = jnp.take_along_axis(log_votes, labels[:, None, None], axis=2)[..., 0]
        counts = jnp.arange(1, chunks.shape[1] + 1)
        shares = (counts <= lengths[:, None]) / counts
        return -((of_labels * shares).sum(axis=1) / shares.sum(axis=1)).mean()

    optimizer.update(network, nnx.grad(loss)(network))
