"""safetensors: the weights as they are stored, and the front end's config in the metadata."""

import json

from genrestream.export.model import imported, metadata
from genrestream.inference.checkpoint import Checkpoint
from genrestream.inference.network import load_weights


def safetensors_bytes(checkpoint: Checkpoint) -> bytes:
    """Return the weights by name, with the metadata of the other exports and the network's name and config.

    Raises:
        UsageError: A package is missing.
    """
    numpy_form = imported("safetensors.numpy", "pip install 'genrestream[export]'")
    return numpy_form.save(load_weights(checkpoint), metadata=metadata(checkpoint.card) | network(checkpoint))


def network(checkpoint: Checkpoint) -> dict[str, str]:
    """Return the network's name and config."""
    return {"model": checkpoint.card.model, "model_config": json.dumps(checkpoint.card.model_config)}
