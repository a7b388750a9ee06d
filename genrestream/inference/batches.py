"""Many chunks in one call of a fixed shape, for GPUs and TPUs; a CPU is as fast with one (``inference.program``)."""

import numpy as np

from genrestream.errors import CheckpointError
from genrestream.inference.backend import check_device, check_process, jax, settings_blamed
from genrestream.inference.checkpoint import Checkpoint
from genrestream.inference.program import Program


def batched_program(checkpoint: Checkpoint, batch: int) -> Program:
    """Return the function from chunks, shape (batch, n_samples), to their logits, shape (batch, n_classes).

    It is compiled once, here; XLA's own cache keeps it where ``use_compile_cache`` was called.

    Raises:
        CheckpointError: The network is unknown, or the weights do not fit it; when called: the logits are not finite.
        UsageError: JAX cannot compute here.
    """
    from genrestream.inference.network import load_weights, logits_function

    check_process()
    check_device()
    with settings_blamed():
        shape = jax.ShapeDtypeStruct((batch, checkpoint.card.frontend.n_samples), np.float32)
        weights = jax.device_put(load_weights(checkpoint))
        compiled = jax.jit(logits_function(checkpoint.card)).lower(weights, shape).compile()

    def logits_of(chunks: np.ndarray) -> np.ndarray:
        logits = jax.device_get(compiled(weights, jax.device_put(chunks)))
        if not np.isfinite(logits).all():
            raise CheckpointError(f"{checkpoint.path}: its network returns values that are not finite; fetch it again")
        return logits

    return logits_of
