"""From a checkpoint to compiled functions: chunks of waveform in, logits out.

Building the network needs jax, flax, orbax, a trace and XLA's compiler, several seconds. So the compiled functions and
the weights are stored together in the user's cache. The next start needs none of these steps, and mostly not even jax:
see ``engines/``.
"""

import contextlib
import math
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from genrestream.errors import CheckpointError
from genrestream.inference.cache_folder import cache_folder
from genrestream.inference.card import Card
from genrestream.inference.carried import SHORT_GAP_S, Carried, InOrder
from genrestream.inference.checkpoint import Checkpoint
from genrestream.inference.engines.bare import Bare, bare
from genrestream.inference.engines.machine import check_process
from genrestream.inference.engines.stored import Kind
from genrestream.inference.overlap import Overlap, reused_config

if TYPE_CHECKING:
    from genrestream.inference.engines.compiled import Compiled  # imports jax, which a warm start does not need

BATCH_SIZES = (64, 16, 4, 1)  # chunks that one call takes on a GPU or TPU; on a CPU one at a time is as fast


def is_in_order(card: Card, hop: int) -> bool:
    """Whether ``Program.in_order`` has something for such chunks, which it tells only when the program is loaded."""
    return card.is_stateful or reused_config(card, hop) is not None


def use_compile_cache() -> None:
    """Keep what XLA compiles in the user's cache. For entry points: it changes a setting of the whole process."""
    from genrestream.inference.engines.backend import jax

    if folder := cache_folder("xla"):
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


class Program:
    """A model's compiled network, for any number of streams and threads at once.

    Args:
        checkpoint: The model.
        batch_sizes: How many chunks one call may take, the largest first, 1 last; by default what suits the device.
        turn: Makes what a call waits for and holds while it computes; by default calls do not wait for each other.

    Attributes:
        checkpoint: The model.

    Raises:
        CheckpointError: The network is unknown, or the weights do not fit it; when called: the logits are not finite.
        UsageError: JAX cannot compute here; when called: the process was forked after the load.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        batch_sizes: tuple[int, ...] = (),
        turn: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
    ):
        check_process()
        self.checkpoint, self._turn, self._lock = checkpoint, turn, threading.Lock()
        self._bare = bare(checkpoint) if batch_sizes in ((), (1,)) else None
        self._compiled: Compiled | None = None
        self._sizes = batch_sizes or ((1,) if self._bare or self._through_jax().is_on_cpu else BATCH_SIZES)

    def __call__(self, chunks: np.ndarray) -> np.ndarray:
        """Return the logits of chunks that have nothing to do with each other.

        Args:
            chunks: Shape (n_chunks, n_samples), float32.

        Returns:
            Shape (n_chunks, card.n_outputs).
        """
        parts, left = [], chunks
        while len(left):
            size = next((size for size in self._sizes if size <= len(left)), self._sizes[-1])
            parts.append(self._run(self._bare or self._through_jax(), "batch", size, left[:size])[0])
            left = left[size:]
        return np.concatenate(parts)

    def in_order(self, hop: int) -> InOrder | None:
        """Return what computes a stream's chunks one after another; None where none needs or can use those before it.

        Args:
            hop: Samples from one chunk's start to the next one's.
        """
        return self._carried(hop) if self.checkpoint.card.is_stateful else self._overlap(hop)

    def _overlap(self, hop: int) -> Overlap | None:
        if (config := reused_config(self.checkpoint.card, hop)) is None:
            return None
        n_new = -(-hop // config.hop_length)
        engine = self._engine("next", n_new)
        silence = np.zeros((1, config.n_samples), np.float32)
        _, kept = self._run(engine, "batch", 1, silence)
        self._run(engine, "next", n_new, silence, kept, np.int32(1))  # compiled now, not at the second chunk
        return Overlap(
            config.hop_length,
            n_new,
            lambda chunk: self._run(engine, "batch", 1, chunk),
            lambda chunk, kept, shift: self._run(engine, "next", n_new, chunk, kept, np.int32(shift)),
        )

    def _carried(self, hop: int) -> Carried:
        card, n_samples = self.checkpoint.card, self.checkpoint.card.frontend.n_samples
        size = math.gcd(hop, n_samples)
        if not (self._bare and self._bare.has("step", size)):
            from genrestream.inference.network import step_size  # imports flax, which a warm start does not need

            size = step_size(card, hop)
        engine = self._engine("step", size)
        silence = np.zeros((1, n_samples), np.float32)
        _, carry = self._run(engine, "batch", 1, silence)
        self._run(engine, "step", size, silence[:, :size], carry)  # compiled now, not at the second chunk
        return Carried(
            size,
            round(SHORT_GAP_S * card.frontend.sample_rate),
            lambda chunk: self._run(engine, "batch", 1, chunk),
            lambda samples, carry: self._run(engine, "step", size, samples, carry),
        )

    def _engine(self, kind: Kind, size: int) -> "Bare | Compiled":
        return self._bare if self._bare and self._bare.has(kind, size) else self._through_jax()

    def _through_jax(self) -> "Compiled":
        from genrestream.inference.engines.compiled import Compiled

        with self._lock:
            if self._compiled is None:
                self._compiled = Compiled(self.checkpoint)
            return self._compiled

    def _run(self, engine: "Bare | Compiled", kind: Kind, size: int, *inputs: Any) -> tuple[np.ndarray, Any]:
        check_process()
        with self._turn():
            logits, kept = engine.run(kind, size, *inputs)
        if not np.isfinite(logits).all():
            path = self.checkpoint.path
            raise CheckpointError(f"{path}: its network returns values that are not finite; fetch it again")
        return logits, kept
