"""From a checkpoint to compiled functions: chunks of waveform in, logits out.

Building the network needs flax, orbax, a trace and XLA's compiler, several seconds. So the compiled functions and the
weights are stored together in the user's cache, under a digest of everything that determines them. The next start
needs none of these steps.
"""

import hashlib
import io
import logging
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from genrestream.errors import CheckpointError, first_line
from genrestream.files import PACKAGE
from genrestream.inference.backend import check_device, check_process, fingerprint, jax, settings_blamed
from genrestream.inference.cache_folder import cache_folder, read_private, write_private
from genrestream.inference.checkpoint import CARD_FILE, Checkpoint
from genrestream.inference.overlap import Overlap, log_mel_config

MAX_PROGRAMS = 32
MAX_MEMORY = 2 << 30  # bytes of working memory that the network may need for one chunk
BATCH_SIZES = (64, 16, 4, 1)  # chunks that one call takes on a GPU or TPU; on a CPU one at a time is as fast
EXECUTABLE = "executable"

Weights = dict[str, np.ndarray]
Compiled = Callable[..., Any]
Shapes = tuple[Any, ...]  # of what a function takes after the weights
Kind = Literal["batch", "next"]  # of a function: independent chunks, or the next chunk of a stream
logger = logging.getLogger(__name__)


def use_compile_cache() -> None:
    """Keep what XLA compiles in the user's cache. For entry points: it changes a setting of the whole process."""
    if folder := cache_folder("xla"):
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


class Program:
    """A model's compiled network, for any number of streams and threads at once.

    Args:
        checkpoint: The model.
        batch_sizes: How many chunks one call may take, the largest first, 1 last; by default what suits the device.

    Attributes:
        checkpoint: The model.

    Raises:
        CheckpointError: The network is unknown, or the weights do not fit it; when called: the logits are not finite.
        UsageError: JAX cannot compute here; when called: the process was forked after the load.
    """

    def __init__(self, checkpoint: Checkpoint, batch_sizes: tuple[int, ...] = ()):
        check_process()
        check_device()
        self.checkpoint = checkpoint
        self._sizes = batch_sizes or ((1,) if jax.default_backend() == "cpu" else BATCH_SIZES)
        self._lock, self._compiled = threading.Lock(), dict[tuple[Kind, int], Compiled]()
        with settings_blamed(), jax.disable_jit(False):  # with JAX_DISABLE_JIT set nothing compiled runs
            shapes = (_chunks(checkpoint, 1),)
            file = _file(checkpoint, "batch", 1)
            compiled, weights = (file and _stored(file, checkpoint, shapes)) or _made(checkpoint, shapes, file)
            self._weights = jax.device_put(unpacked(weights))
        self._compiled["batch", 1] = compiled

    def __call__(self, chunks: np.ndarray) -> np.ndarray:
        """Return the logits of chunks that have nothing to do with each other.

        Args:
            chunks: Shape (n_chunks, n_samples), float32.

        Returns:
            Shape (n_chunks, n_labels + n_states).
        """
        parts, left = [], chunks
        while len(left):
            size = next((size for size in self._sizes if size <= len(left)), self._sizes[-1])
            parts.append(self._run("batch", size, left[:size])[0])
            left = left[size:]
        return np.concatenate(parts)

    def overlap(self, hop: int) -> Overlap | None:
        """Return what computes a stream's chunks one after another; None where earlier work is of no use for the next.

        Args:
            hop: Samples from one chunk's start to the next one's.
        """
        config = log_mel_config(self.checkpoint.card)
        if config is None or 2 * hop > config.n_samples:
            return None
        n_new = -(-hop // config.hop_length)
        silence = np.zeros((1, config.n_samples), np.float32)
        _, kept = self._run("batch", 1, silence)
        self._run("next", n_new, silence, kept, np.int32(1))  # compiled now, not at the second chunk
        return Overlap(
            config.hop_length,
            n_new,
            lambda chunk: self._run("batch", 1, chunk),
            lambda chunk, kept, shift: self._run("next", n_new, chunk, kept, np.int32(shift)),
        )

    def _run(self, kind: Kind, size: int, *inputs: Any) -> tuple[np.ndarray, Any]:
        """Return the logits, on the host, and what the next chunk needs, on the device.

        Args:
            kind: Which function.
            size: Chunks of the batch, or new frames of the next chunk.
            *inputs: What it takes: chunks; then what was kept, and how many frames later the chunk starts.
        """
        check_process()
        with self._lock, settings_blamed(), jax.disable_jit(False):
            if (kind, size) not in self._compiled:
                self._compiled[kind, size] = _obtained(self.checkpoint, kind, size, self._weights, inputs)
            function = self._compiled[kind, size]
        with jax.disable_jit(False):
            logits, kept = function(self._weights, *jax.device_put(inputs))
            logits = jax.device_get(logits)
        if not np.isfinite(logits).all():
            path = self.checkpoint.path
            raise CheckpointError(f"{path}: its network returns values that are not finite; fetch it again")
        return logits, kept


def unpacked(weights: Weights) -> Weights:
    """Return the weights with kernels of 8-bit integers as float32: once, not at each chunk."""
    return {
        name: np.float32(array) * weights[f"{name.removesuffix('kernel')}scale"] if array.dtype == np.int8 else array
        for name, array in weights.items()
    }


def _made(checkpoint: Checkpoint, shapes: Shapes, file: Path | None) -> tuple[Compiled, Weights]:
    """Build the network and compile it for one chunk; keep function and weights in the file."""
    # Imports flax, which a warm start does not need.
    from genrestream.inference.network import load_weights

    weights = load_weights(checkpoint)
    return _compile(checkpoint, "batch", 1, unpacked(weights), shapes, file, weights), weights


def _obtained(checkpoint: Checkpoint, kind: Kind, size: int, weights: Any, inputs: tuple[Any, ...]) -> Compiled:
    """Return the compiled function for such inputs, from the cache if it is there."""
    shapes = jax.tree.map(lambda array: jax.ShapeDtypeStruct(array.shape, array.dtype), inputs)
    file = _file(checkpoint, kind, size)
    if file and (stored := _stored(file, checkpoint, shapes, weights)):
        return stored[0]
    return _compile(checkpoint, kind, size, weights, shapes, file)


def _compile(
    checkpoint: Checkpoint,
    kind: Kind,
    size: int,
    weights: Any,
    shapes: Shapes,
    file: Path | None,
    stored_too: Weights | None = None,
) -> Compiled:
    from genrestream.inference.network import batch_function, next_function

    function = batch_function(checkpoint.card) if kind == "batch" else next_function(checkpoint.card, size)
    if file:  # a unique name avoids XLA's cache: a program from there cannot be serialized completely
        function.__name__ = f"logits_{secrets.token_hex(4)}"
    try:
        lowered = jax.jit(function).lower(weights, *shapes)
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"{checkpoint.path}: its front end does not fit its network ({first_line(error)})"
        ) from error
    compiled = lowered.compile()
    memory = compiled.memory_analysis()
    if memory is not None and memory.temp_size_in_bytes > MAX_MEMORY * shapes[0].shape[0]:
        raise CheckpointError(f"{checkpoint.path}: a chunk would take over {MAX_MEMORY >> 30} GiB; make it smaller")
    if file:
        _store(file, compiled, weights, shapes, stored_too or {})
    return compiled


def _chunks(checkpoint: Checkpoint, n_chunks: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((n_chunks, checkpoint.card.frontend.n_samples), np.float32)


def _file(checkpoint: Checkpoint, kind: Kind, size: int) -> Path | None:
    """Name the program by a digest of the card (with the weights' digest), this code, JAX and the machine."""
    folder = cache_folder("programs")
    if folder is None:
        return None
    digest = hashlib.sha256(f"{kind} {size}\n{fingerprint()}".encode())
    for part in (checkpoint.path / CARD_FILE, *sorted(PACKAGE.glob("**/*.py"))):
        digest.update(hashlib.sha256(part.read_bytes()).digest())
    return folder / f"{digest.hexdigest()[:32]}.npz"


def _store(file: Path, compiled: Any, weights: Any, shapes: Shapes, stored_too: Weights) -> None:
    """Store the compiled function if it can be loaded again and then gives the same result."""
    try:
        from jax.experimental.serialize_executable import serialize

        executable, _, _ = serialize(compiled)
        zeros = jax.tree.map(lambda shape: np.zeros(shape.shape, shape.dtype), shapes)
        expected = compiled(weights, *zeros)
        again = _loaded(executable, (weights, *shapes), expected)
        jax.tree.map(np.testing.assert_array_equal, again(weights, *zeros), expected)
    except Exception as error:  # an experimental module of JAX; if it fails, the next start compiles again
        logger.debug("%s: not cached (%s)", file, error)
        return
    arrays: dict[str, Any] = {EXECUTABLE: np.frombuffer(executable, np.uint8), **stored_too}
    body = io.BytesIO()
    np.savez(body, **arrays)
    write_private(file, body.getvalue(), MAX_PROGRAMS)


def _stored(file: Path, checkpoint: Checkpoint, shapes: Shapes, weights: Any = None) -> tuple[Compiled, Weights] | None:
    """Return what ``_store`` stored, or None where it is missing or cannot be loaded."""
    if (body := read_private(file)) is None:
        return None
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
            stored = dict(arrays)
        executable = stored.pop(EXECUTABLE).tobytes()
        results = 0, (0, 0) if log_mel_config(checkpoint.card) else ()  # the logits, and what is kept
        return _loaded(executable, (weights or stored, *shapes), results), stored
    except Exception as error:  # JAX may raise any error; the program is then compiled again
        logger.debug("%s: cannot be used (%s)", file, error)
        return None


def _loaded(executable: bytes, arguments: tuple[Any, ...], results: Any) -> Compiled:
    from jax.experimental.serialize_executable import deserialize_and_load

    inputs = jax.tree.structure((arguments, {}))
    return deserialize_and_load(executable, inputs, jax.tree.structure(results), execution_devices=jax.devices()[:1])
