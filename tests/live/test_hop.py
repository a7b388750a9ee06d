import math

import pytest

from genrestream.live.hop import CALM_ANSWERS, MAX_HOP_S, AdaptiveHop


def hop(asked_s=1.0, speed=1.0, limit_s=6.0):
    return AdaptiveHop(asked_s, speed, limit_s)


def test_a_machine_that_falls_behind_answers_less_often():
    one = hop()
    assert one.adapt(waiting_s=2.0, cost_s=1.5) == "this machine is too slow: an answer each 2 s (asked: 1 s)"
    assert one.hop_s == 2
    assert one.adapt(2.0, 1.5) == ""  # what waited before the change says nothing on it
    assert "each 4 s" in one.adapt(2.0, 1.5)


def test_a_machine_that_keeps_up_is_left_alone():
    one = hop()
    assert not any(one.adapt(waiting_s=0.1, cost_s=0.01) for _ in range(100))
    assert one.hop_s == 1


def test_the_hop_asked_for_comes_back_when_all_is_calm():
    one = hop()
    one.adapt(2.0, 1.5)
    said = [one.adapt(0.0, 0.01) for _ in range(CALM_ANSWERS + 1)]
    assert said[:-1] == [""] * CALM_ANSWERS
    assert said[-1].startswith("this machine keeps up again: an answer each 1 s")


def test_an_expensive_answer_is_not_calm():
    one = hop()
    one.adapt(2.0, 1.5)
    assert not any(one.adapt(0.0, cost_s=0.9) for _ in range(3 * CALM_ANSWERS))


def test_the_hop_has_a_limit():
    one = hop(asked_s=MAX_HOP_S)
    assert one.adapt(5.0, 100.0) == ""
    assert one.hop_s == MAX_HOP_S


@pytest.mark.parametrize(("speed", "adapts"), [(1.0, True), (10.0, False), (math.inf, False)])
def test_a_source_that_plays_faster_may_wait_longer(speed, adapts):
    assert bool(hop(speed=speed).adapt(waiting_s=2.0, cost_s=0.1)) == adapts
