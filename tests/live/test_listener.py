"""The loop of a live run, fed by hand."""

import math
import time

import numpy as np

from genrestream.live.config import ListenConfig
from genrestream.live.feed import Block, Feed
from genrestream.live.listener import MAX_PROBLEMS, Listener
from genrestream.serve.web.listen import Socket
from tests.conftest import music

RATE = 16_000


def listening(model, feed, should_stop=lambda: False):
    config = ListenConfig(source="hand", speed=math.inf)
    return Listener(config, model.session("hand", hop_s=1.0), feed, Socket("hand", feed), should_stop=should_stop)


def put(feed, samples):
    feed.put(Block(samples, RATE, time.monotonic()))


def test_a_stream_that_is_broken_throughout_has_some_problems_and_not_one_a_block(model):
    feed = Feed(limit_s=60)
    put(feed, music(3))
    for number in range(10 * MAX_PROBLEMS):
        put(feed, np.full((1, RATE // 10), 1000.0 + number, np.float32))
    feed.end()
    listener = listening(model, feed)
    list(listener.updates())
    problems = listener.outcome().verdict.problems
    assert len(problems) == MAX_PROBLEMS
    assert "full scale is 1" in problems[0]


def test_a_run_of_which_nothing_can_be_used_had_no_audio(model):
    feed = Feed(limit_s=60)
    for _ in range(50):
        put(feed, np.full((1, RATE // 10), 1000.0, np.float32))
    feed.end()
    listener = listening(model, feed)
    list(listener.updates())
    outcome = listener.outcome()
    assert str(outcome.error) == "hand: 0 s of audio, at least 1 s is needed"
    assert "full scale is 1" in outcome.verdict.problems[0]


def test_what_was_lost_at_the_end_does_not_grow_after_it(model):
    feed = Feed()
    put(feed, music(3))
    listener = listening(model, feed, lambda: listener.status.state == "no input")
    feed.connected = False
    list(listener.updates())
    (problem,) = listener.outcome().verdict.problems
    time.sleep(0.3)
    assert problem.startswith("the input was lost 1 time, ")
    assert listener.outcome().verdict.problems == (problem,)
