"""StableHLO, as ``jax.export`` writes it, for CPU, CUDA and TPU."""

import jax
import numpy as np

from genrestream.export.model import TOLERANCE, chunks, function_of, imported
from genrestream.inference.checkpoint import Checkpoint

PLATFORMS = ("cpu", "cuda", "tpu")


def stablehlo_bytes(checkpoint: Checkpoint, n_chunks: int) -> bytes:
    """Return what ``jax.export.deserialize`` reads: chunks, shape (n_chunks, n_samples), to logits.

    Raises:
        UsageError: A package is missing.
    """
    imported("flatbuffers", "pip install 'genrestream[export]'")
    from jax import export

    function = jax.jit(function_of(checkpoint))
    waveform = chunks(checkpoint.card, n_chunks)
    shape = jax.ShapeDtypeStruct(waveform.shape, waveform.dtype)
    body = bytes(export.export(function, platforms=PLATFORMS)(shape).serialize())
    again = export.deserialize(bytearray(body)).call(waveform)
    np.testing.assert_allclose(np.asarray(again), np.asarray(function(waveform)), atol=TOLERANCE)
    return body
