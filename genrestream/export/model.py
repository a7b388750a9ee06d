"""What is exported of a model: one function with the front end inside, and what a program needs to know besides."""

import importlib
import json
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from genrestream.errors import UsageError
from genrestream.features.config import frontend_to_json
from genrestream.inference.card import Card
from genrestream.inference.checkpoint import Checkpoint
from genrestream.inference.engines.stored import unpacked
from genrestream.inference.network import load_weights, logits_function

TOLERANCE = 1e-4  # of logits, between ours and those of the exported file


def function_of(checkpoint: Checkpoint) -> Callable[[jax.Array], jax.Array]:
    """Return the function from chunks, shape (n, n_samples), to logits, shape (n, n_labels + n_states).

    Raises:
        UsageError: The model is stateful.
    """
    if checkpoint.card.is_stateful:
        raise UsageError(
            f"{checkpoint.path}: is stateful, and an exported function keeps no state; export its weights, .safetensors"
        )
    weights, logits = unpacked(load_weights(checkpoint)), logits_function(checkpoint.card)
    return lambda waveform: logits(weights, waveform)


def metadata(card: Card) -> dict[str, str]:
    """Return what a program needs to use the logits, as text and JSON."""
    facts: dict[str, Any] = {
        "name": card.name,
        "labels": card.labels,
        "states": card.states,
        "multi_label": card.multi_label,
        "temperature": card.temperature,
        "min_probability": card.min_probability,
        "sample_rate": card.frontend.sample_rate,
        "n_samples": card.frontend.n_samples,
        "frontend": frontend_to_json(card.frontend),
        "licence": card.provenance.get("licence", ""),
    }
    return {name: one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for name, one in facts.items()}


def chunks(card: Card, n_chunks: int) -> np.ndarray:
    """Return chunks of noise to compare with, shape (n_chunks, n_samples), float32."""
    shape = n_chunks, card.frontend.n_samples
    return np.random.default_rng(0).normal(scale=0.1, size=shape).astype(np.float32)


def imported(name: str, remedy: str) -> Any:
    """Import a package that an export needs.

    Raises:
        UsageError: It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UsageError(f"this export needs {error.name or name}, which is not installed; {remedy}") from error
