"""Batches of examples, prepared ahead: shuffled and endless for training, one pass in order for evaluation.

Neither the batches nor the saved position depend on the number of threads, worker processes or hosts: a run can be
resumed with other numbers of them, if the total batch size of all hosts stays the same.
"""

from typing import Any

import grain
import numpy as np
from absl import flags

from genrestream.errors import UsageError

Element = dict[str, Any]  # arrays
N_SEEDS = 2**32


def batches(
    dataset: grain.MapDataset[Element],
    batch_size: int,
    seed: int = 0,
    n_workers: int = 0,
    prefetch: int = 2,
    shard: tuple[int, int] = (0, 1),
) -> grain.IterDataset[Element]:
    """Return endless shuffled batches, whose iterators can be set to any position.

    Args:
        dataset: One epoch.
        batch_size: Elements in a batch of this host.
        seed: Seed of the order.
        n_workers: Processes that prepare batches; 0 for a thread of this process.
        prefetch: Batches that each of them prepares ahead.
        shard: This host's number, from 0, and the number of hosts. The hosts' batches, joined in order, are the batch
            that a single host would get.

    Raises:
        UsageError: The epoch is empty, or the seed is out of range.
    """
    if not 0 <= seed < N_SEEDS:
        raise UsageError(f"--seed {seed}: must be from 0 to {N_SEEDS - 1}")
    if not len(dataset):
        raise UsageError("the training set is empty: must have at least one example")
    whole = dataset.seed(seed).shuffle().repeat().batch(batch_size)
    return _Batches(whole, shard, n_workers, prefetch)


def once(
    dataset: grain.MapDataset[Element], batch_size: int, n_workers: int = 0, prefetch: int = 2
) -> grain.IterDataset[Element]:
    """Return the batches of one pass in order; the last is padded with elements of weight 0."""
    if n_missing := -len(dataset) % batch_size:
        nothing = dict(dataset[0] or {}) | {"weight": np.float32(0)}
        dataset = grain.MapDataset.concatenate([dataset, grain.MapDataset.source([nothing] * n_missing)])
    return _prefetched(dataset.batch(batch_size), n_workers, prefetch)


class _Batches(grain.IterDataset[Element]):
    def __init__(self, whole: grain.MapDataset[Element], shard: tuple[int, int], n_workers: int, prefetch: int):
        super().__init__()
        self._whole, self._shard, self._n_workers, self._prefetch = whole, shard, n_workers, prefetch

    def __iter__(self) -> grain.DatasetIterator[Element]:
        return _Iterator(self)

    def since(self, n_taken: int) -> grain.DatasetIterator[Element]:
        """Return an iterator over this host's batches after the first ``n_taken``."""
        index, count = self._shard
        left = self._whole.slice(slice(n_taken * count + index, None, count))
        return _prefetched(left, self._n_workers, self._prefetch).__iter__()


class _Iterator(grain.DatasetIterator[Element]):
    """An iterator whose state is the number of batches taken; that of grain's iterators depends on their workers."""

    def __init__(self, dataset: _Batches):
        super().__init__()
        self._dataset = dataset
        self._n_taken = 0
        self._running: grain.DatasetIterator[Element] | None = None

    def __next__(self) -> Element:
        self._running = self._running or self._dataset.since(self._n_taken)
        batch = next(self._running)
        self._n_taken += 1
        return batch

    def get_state(self) -> dict[str, Any]:
        return {"n_taken": self._n_taken}

    def set_state(self, state: dict[str, Any]) -> None:
        self.close()
        self._n_taken = state["n_taken"]

    def close(self) -> None:
        if self._running:
            self._running.close()
            self._running = None


def _prefetched(dataset: grain.MapDataset, n_workers: int, prefetch: int) -> grain.IterDataset:
    if n_workers:
        if not flags.FLAGS.is_parsed():
            flags.FLAGS.mark_as_parsed()  # grain's workers read absl's flags, which we do not use
        alone = grain.ReadOptions(num_threads=0, prefetch_buffer_size=0)
        options = grain.MultiprocessingOptions(num_workers=n_workers, per_worker_buffer_size=prefetch)
        return dataset.to_iter_dataset(alone).mp_prefetch(options)
    return dataset.to_iter_dataset(grain.ReadOptions(num_threads=min(1, prefetch), prefetch_buffer_size=prefetch))
