"""One network for all workers: chunks of many files in one call of a fixed shape (``--batch``)."""

import queue
import threading
import time
from collections.abc import Callable

import numpy as np

GATHER_S = 0.02  # how long a call waits for more chunks, while workers decode

Answer = Callable[[np.ndarray], None]


class Network:
    """A thread that gathers chunks, calls the network, and hands the logits back.

    Args:
        logits_of: Chunks, shape (batch, n_samples), to logits, shape (batch, n_classes).
        batch: Chunks in a call; where fewer wait, the rest is zeros.
        n_samples: Length of a chunk.
        failed: Is called with what the network raised, if it does; it ends with that.

    Attributes:
        n_chunks: Chunks that were looked at.
        n_calls: Calls of the network.
        waited_s: Seconds without a chunk to look at.
        busy_s: Seconds in the network.
    """

    def __init__(
        self,
        logits_of: Callable[[np.ndarray], np.ndarray],
        batch: int,
        n_samples: int,
        failed: Callable[[BaseException], None],
    ):
        self._logits_of, self._batch, self._n_samples, self._failed = logits_of, batch, n_samples, failed
        # Full, it makes the readers wait, these the workers' pipes, and those the workers: memory stays bounded.
        self._chunks: queue.Queue[tuple[np.ndarray, Answer] | None] = queue.Queue(maxsize=4 * batch)
        self.n_chunks = self.n_calls = 0
        self.waited_s = self.busy_s = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def look(self, samples: np.ndarray, answer: Answer) -> None:
        """Take a chunk, shape (n_samples,); ``answer`` is called with its logits from the network's thread."""
        self._chunks.put((samples, answer))

    def close(self) -> None:
        """End the thread."""
        self._chunks.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            while taken := self._gather():
                samples = np.zeros((self._batch, self._n_samples), np.float32)
                for row, (chunk, _) in zip(samples, taken, strict=False):
                    row[:] = chunk
                began = time.perf_counter()
                logits = self._logits_of(samples)
                self.busy_s += time.perf_counter() - began
                self.n_chunks, self.n_calls = self.n_chunks + len(taken), self.n_calls + 1
                for one, (_, answer) in zip(logits, taken, strict=False):
                    answer(one)
        except BaseException as error:
            self._failed(error)

    def _gather(self) -> list[tuple[np.ndarray, Answer]]:
        """Return the next chunks, at most a batch; none at the end."""
        began, taken = time.perf_counter(), []
        until = None
        while len(taken) < self._batch:
            try:
                left_s = None if until is None else max(0.0, until - time.perf_counter())
                one = self._chunks.get(timeout=left_s)
            except queue.Empty:
                break
            if one is None:
                self._chunks.put(None)
                break
            taken.append(one)
            until = until or time.perf_counter() + GATHER_S
        self.waited_s += time.perf_counter() - began
        return taken
