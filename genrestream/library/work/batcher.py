"""One network for all workers: chunks of many files in one call of a fixed shape (``--batch``)."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable

import numpy as np

GATHER_S = 0.02  # how long a call waits for more chunks, while workers decode
POLL_S = 0.1  # how often a thread that waits looks whether the batcher has ended

OnLogits = Callable[[np.ndarray], None]


class Batcher:
    """A thread that gathers chunks, calls the network, and hands the logits back.

    Args:
        logits_of: Chunks, shape (batch, n_samples), to logits, shape (batch, n_classes).
        batch: Chunks in a call; if fewer wait, the rest is zeros.
        n_samples: Length of a chunk.
        failed: Is called with what the network raised, if it does; the thread ends then.

    Attributes:
        n_chunks: Chunks that went through the network.
        n_calls: Calls of the network.
        waited_s: Seconds spent waiting for chunks.
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
        self._chunks: queue.Queue[tuple[np.ndarray, OnLogits]] = queue.Queue(maxsize=4 * batch)
        self.n_chunks = self.n_calls = 0
        self.waited_s = self.busy_s = 0.0
        self._has_ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="batcher", daemon=True)
        self._thread.start()

    def infer(self, samples: np.ndarray, on_logits: OnLogits) -> None:
        """Take a chunk, shape (n_samples,); ``on_logits`` is called with its logits from the batcher's thread.

        Waits while the queue is full. After the end the chunk is dropped.
        """
        while not self._has_ended.is_set():
            with contextlib.suppress(queue.Full):
                self._chunks.put((samples, on_logits), timeout=POLL_S)
                return

    def close(self) -> None:
        """End the thread, after the call that it is in; chunks that wait are dropped."""
        self._has_ended.set()
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
                for one, (_, on_logits) in zip(logits, taken, strict=False):
                    on_logits(one)
        except BaseException as error:
            self._has_ended.set()
            self._failed(error)

    def _gather(self) -> list[tuple[np.ndarray, OnLogits]]:
        """Return the next chunks, at most a batch; none at the end."""
        began, taken = time.perf_counter(), []
        until = began
        while len(taken) < self._batch and not self._has_ended.is_set():
            try:
                one = self._chunks.get(timeout=max(0.0, until - time.perf_counter()) if taken else POLL_S)
            except queue.Empty:
                if taken:
                    break
                continue
            until = until if taken else time.perf_counter() + GATHER_S
            taken.append(one)
        self.waited_s += time.perf_counter() - began
        return [] if self._has_ended.is_set() else taken
