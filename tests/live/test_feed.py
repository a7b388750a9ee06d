import threading
import time

import numpy as np
import pytest

from genrestream.live.feed import Block, Feed


def block(seconds=1.0, value=0.0, lost_s=0.0):
    return Block(np.full((1, round(1000 * seconds)), value, np.float32), 1000, time.monotonic(), lost_s)


def test_a_full_queue_drops_the_oldest_and_tells_the_gap():
    feed = Feed(limit_s=3)
    for value in range(5):
        feed.put(block(value=value))
    assert feed.n_dropped == 2
    assert feed.waiting_s == pytest.approx(3)
    first = feed.get(0)
    assert first is not None
    assert (first.samples[0, 0], first.lost_s) == (2, pytest.approx(2))
    second = feed.get(0)
    assert second is not None
    assert (second.samples[0, 0], second.lost_s) == (3, 0)


def test_what_waits_is_bounded_however_long_it_runs():
    feed = Feed(limit_s=3)
    for _ in range(10_000):
        feed.put(block(0.01))
    assert feed.waiting_s <= 3.01
    assert feed.n_dropped == pytest.approx(10_000 - 300, abs=2)


def test_a_file_waits_for_room_and_loses_nothing():
    feed = Feed(limit_s=2)

    def play():
        for value in range(20):
            feed.put_waiting(block(value=value))
        feed.end()

    threading.Thread(target=play).start()
    values = []
    while (one := feed.get(1)) is not None:
        values.append(one.samples[0, 0])
    assert values == list(range(20))
    assert feed.n_dropped == 0


def test_an_ended_feed_lets_go_of_a_file_that_waits():
    feed = Feed(limit_s=1)
    feed.put_waiting(block())
    threading.Timer(0.1, feed.end).start()
    assert not feed.put_waiting(block())
    assert feed.get(0) is not None
    assert feed.get(5) is None


def test_nothing_comes_in_time():
    feed = Feed()
    began_s = time.monotonic()
    assert feed.get(0.05) is None
    assert 0.04 < time.monotonic() - began_s < 1
    assert feed.quiet_s >= 0.05
