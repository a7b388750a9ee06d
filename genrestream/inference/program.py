"""From a checkpoint to one compiled function: a chunk of waveform in, logits out.

Building the network needs flax, orbax, a trace and XLA's compiler, several seconds. So the compiled function and its
weights are stored together in the user's cache, under a digest of everything that determines them. The next start
needs none of these steps.
"""

import hashlib
import io
import logging
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from genrestream.errors import CheckpointError, first_line
from genrestream.files import PACKAGE
from genrestream.inference.backend import check_device, check_process, fingerprint, jax, settings_blamed
from genrestream.inference.cache_folder import cache_folder, read_private, write_private
from genrestream.inference.checkpoint import CARD_FILE, Checkpoint

MAX_PROGRAMS = 16
MAX_MEMORY = 2 << 30  # bytes of working memory that the network may need for one chunk
EXECUTABLE = "executable"

Weights = dict[str, np.ndarray]
Compiled = Callable[[Any, Any], Any]  # (weights by name, chunk) -> logits
Program = Callable[[np.ndarray], np.ndarray]
logger = logging.getLogger(__name__)


def use_compile_cache() -> None:
    """Keep what XLA compiles in the user's cache. For entry points: it changes a setting of the whole process."""
    if folder := cache_folder("xla"):
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


def logits_program(checkpoint: Checkpoint) -> Program:
    """Return the function from one chunk, shape (1, n_samples), to its logits, shape (1, n_classes).

    One chunk at a time: on a CPU a larger batch is no faster, and each chunk gets its answer at once.

    Raises:
        CheckpointError: The network is unknown, or the weights do not fit it; when called: the logits are not finite.
        UsageError: JAX cannot compute here; when called: the process was forked after the load.
    """
    check_process()
    check_device()
    with settings_blamed(), jax.disable_jit(False):  # with JAX_DISABLE_JIT set nothing compiled runs
        file = _file(checkpoint)
        compiled, weights = (file and _stored(file, checkpoint)) or _made(checkpoint, file)
        on_device = jax.device_put(weights)

    def logits_of(chunk: np.ndarray) -> np.ndarray:
        check_process()
        with jax.disable_jit(False):
            logits = jax.device_get(compiled(on_device, jax.device_put(chunk)))
        if not np.isfinite(logits).all():
            raise CheckpointError(f"{checkpoint.path}: its network returns values that are not finite; fetch it again")
        return logits

    return logits_of


def _made(checkpoint: Checkpoint, file: Path | None) -> tuple[Compiled, Weights]:
    """Build the network and compile it; keep the result in the file."""
    # Imports flax, which a warm start does not need.
    from genrestream.inference.network import load_weights, logits_function

    def logits(weights: Any, chunk: Any) -> Any:
        return network(weights, chunk)

    weights, network = load_weights(checkpoint), logits_function(checkpoint.card)
    if file:  # a unique name avoids XLA's cache: a program from there cannot be serialized completely
        logits.__name__ = f"logits_{secrets.token_hex(4)}"
    try:
        lowered = jax.jit(logits).lower(weights, _chunk_shape(checkpoint))
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"{checkpoint.path}: its front end does not fit its network ({first_line(error)})"
        ) from error
    compiled = lowered.compile()
    memory = compiled.memory_analysis()
    if memory is not None and memory.temp_size_in_bytes > MAX_MEMORY:
        raise CheckpointError(f"{checkpoint.path}: a chunk would take over {MAX_MEMORY >> 30} GiB; make it smaller")
    if file:
        _store(file, compiled, weights, checkpoint)
    return compiled, weights


def _chunk_shape(checkpoint: Checkpoint) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((1, checkpoint.card.frontend.n_samples), np.float32)


def _file(checkpoint: Checkpoint) -> Path | None:
    """Name the program by a digest of the card (with the weights' digest), this code, JAX and the machine."""
    folder = cache_folder("programs")
    if folder is None:
        return None
    digest = hashlib.sha256(fingerprint().encode())
    for part in (checkpoint.path / CARD_FILE, *sorted(PACKAGE.glob("**/*.py"))):
        digest.update(hashlib.sha256(part.read_bytes()).digest())
    return folder / f"{digest.hexdigest()[:32]}.npz"


def _store(file: Path, compiled: Any, weights: Weights, checkpoint: Checkpoint) -> None:
    """Store the compiled function if it can be loaded again and then gives the same result."""
    try:
        from jax.experimental.serialize_executable import serialize

        executable, _, _ = serialize(compiled)
        silence = np.zeros(_chunk_shape(checkpoint).shape, np.float32)
        again = _loaded(executable, weights, checkpoint)
        np.testing.assert_array_equal(again(weights, silence), compiled(weights, silence))
    except Exception as error:  # an experimental module of JAX; if it fails, the next start compiles again
        logger.debug("%s: not cached (%s)", file, error)
        return
    arrays: dict[str, Any] = {EXECUTABLE: np.frombuffer(executable, np.uint8), **weights}
    body = io.BytesIO()
    np.savez(body, **arrays)
    write_private(file, body.getvalue(), MAX_PROGRAMS)


def _stored(file: Path, checkpoint: Checkpoint) -> tuple[Compiled, Weights] | None:
    """Return what ``_store`` stored, or None where it is missing or cannot be loaded."""
    if (body := read_private(file)) is None:
        return None
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
            weights = dict(arrays)
        return _loaded(weights.pop(EXECUTABLE).tobytes(), weights, checkpoint), weights
    except Exception as error:  # JAX may raise any error; the program is then compiled again
        logger.debug("%s: cannot be used (%s)", file, error)
        return None


def _loaded(executable: bytes, weights: Weights, checkpoint: Checkpoint) -> Compiled:
    from jax.experimental.serialize_executable import deserialize_and_load

    inputs = jax.tree.structure(((weights, _chunk_shape(checkpoint)), {}))
    return deserialize_and_load(executable, inputs, jax.tree.structure(0), execution_devices=jax.devices()[:1])
