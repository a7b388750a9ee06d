"""From a chunk's logits to the calibrated probabilities with which it votes."""

import numpy as np

from genrestream.inference.card import Card


def label_probabilities(card: Card, logits: np.ndarray) -> np.ndarray:
    """Return the calibrated probability of each of a card's labels, shape (n_labels,), from its ``n_logits`` logits."""
    if not card.outside:
        return probabilities(logits, card.temperature, card.multi_label)
    own, kinds = np.split(logits, [len(card.labels) - 1])
    other = other_music(kinds, np.arange(len(kinds)) >= card.outside[0])
    return np.append((1 - other) * probabilities(own, card.temperature, False), other)


def other_music(kinds: np.ndarray, is_foreign: np.ndarray) -> np.ndarray:
    """Return how probable it is that a chunk is music of other kinds than a taught model's.

    Args:
        kinds: Logits of kinds of music, shape (..., n_kinds).
        is_foreign: Which of them the model's genres do not cover, boolean, shape (n_kinds,).

    Returns:
        Shape (...).
    """
    return probabilities(kinds, 1.0, False)[..., is_foreign].sum(axis=-1)


def probabilities(logits: np.ndarray, temperature: float, multi_label: bool) -> np.ndarray:
    """Return calibrated probabilities along the last axis: sigmoid where several may hold, else softmax."""
    scaled = logits.astype(np.float64) / temperature
    if multi_label:
        return 0.5 * (1 + np.tanh(0.5 * scaled))  # the sigmoid, without overflow
    exponents = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return exponents / exponents.sum(axis=-1, keepdims=True)
