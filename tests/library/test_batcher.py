"""One network for the chunks of all workers: what it answers, and that it ends."""

import threading

import numpy as np

from genrestream.library.work.batcher import Batcher

WAIT_S = 20


def chunk(value: float) -> np.ndarray:
    return np.full(4, value, np.float32)


def test_each_chunk_gets_its_own_logits():
    got: dict[int, float] = {}
    done = threading.Semaphore(0)

    def take(number: int, logits: np.ndarray) -> None:
        got[number] = float(logits[0])
        done.release()

    batcher = Batcher(lambda samples: samples[:, :1] * 2, 4, 4, lambda _: None)
    for number in range(10):
        batcher.infer(chunk(number), lambda logits, number=number: take(number, logits))
    assert all(done.acquire(timeout=WAIT_S) for _ in range(10))
    batcher.close()
    assert got == {number: 2.0 * number for number in range(10)}
    assert batcher.n_chunks == 10


def is_over(act) -> bool:
    """Whether a call returns."""
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    thread.join(WAIT_S)
    return not thread.is_alive()


def test_after_a_failure_it_takes_chunks_in_vain_and_closes():
    failures: list[BaseException] = []
    batcher = Batcher(lambda samples: samples @ np.zeros(5), 1, 4, failures.append)
    assert is_over(lambda: [batcher.infer(chunk(0), lambda _: None) for _ in range(20)])  # more than its queue holds
    assert is_over(batcher.close)
    assert [type(one) for one in failures] == [ValueError]


def test_it_closes_while_its_queue_is_full():
    begun, may_go_on = threading.Event(), threading.Event()

    def logits_of(samples: np.ndarray) -> np.ndarray:
        begun.set()
        may_go_on.wait(WAIT_S)
        return samples

    batcher = Batcher(logits_of, 1, 4, lambda _: None)
    reader = threading.Thread(target=lambda: [batcher.infer(chunk(0), lambda _: None) for _ in range(20)], daemon=True)
    reader.start()
    assert begun.wait(WAIT_S)
    threading.Timer(0.3, may_go_on.set).start()
    assert is_over(batcher.close)
    assert batcher.n_chunks == 1
    reader.join(WAIT_S)
    assert not reader.is_alive()
