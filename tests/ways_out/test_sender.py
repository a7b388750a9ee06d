"""A slow or dead receiver never slows who puts, and what is lost is counted."""

import threading
import time

import pytest

from genrestream.errors import OutputError
from genrestream.ways_out.sender import RefusedError, Sender


class Slow:
    """Takes a message only when it is told to, and fails as often as it is told to."""

    name, limit, tries = "slow", 3, 3

    def __init__(self, fails=0, error=OutputError):
        self.go, self.got, self.began, self.fails, self.error = threading.Event(), [], threading.Event(), fails, error

    def send(self, message):
        self.began.set()
        self.go.wait(10)
        if self.fails:
            self.fails -= 1
            raise self.error("is away")
        self.got.append(message)

    def close(self):
        self.go.set()


def test_a_receiver_that_hangs_costs_its_oldest_messages():
    receiver = Slow()
    sender = Sender(receiver)
    sender.put(0)
    assert receiver.began.wait(10)
    for number in range(1, 10):
        sender.put(number)
    assert sender.n_dropped == 6
    receiver.go.set()
    sender.close()
    assert receiver.got == [0, 7, 8, 9]
    assert (sender.n_sent, sender.n_dropped) == (4, 6)
    assert "6 of 10 messages were dropped (it is too slow)" in sender.summary


def test_it_is_tried_again_and_what_failed_and_works_again_is_said_once():
    receiver, lines = Slow(fails=2), []
    receiver.go.set()
    sender = Sender(receiver, lines.append)
    sender.put("a")
    sender.put("b")
    sender.close()
    assert receiver.got == ["a", "b"]
    assert lines == ["--to slow: is away", "--to slow: works again; 0 messages were dropped so far"]
    assert sender.summary == ""


def test_a_receiver_that_no_option_names_has_a_title():
    receiver, lines = Slow(fails=2), []
    receiver.go.set()
    sender = Sender(receiver, lines.append, "history")
    sender.put("a")
    sender.close()
    assert lines == ["history: is away", "history: works again; 0 messages were dropped so far"]


@pytest.mark.parametrize(("fails", "error"), [(3, OutputError), (1, RefusedError), (3, ZeroDivisionError)])
def test_after_some_tries_or_a_refusal_a_message_is_given_up(fails, error):
    receiver = Slow(fails, error)
    receiver.go.set()
    sender = Sender(receiver)
    sender.put("a")
    sender.put("b")
    sender.close()
    assert receiver.got == ["b"]
    assert sender.n_dropped == 1


def test_the_end_does_not_wait_for_a_dead_receiver():
    receiver = Slow(fails=1_000_000)
    receiver.go.set()
    receiver.tries = 1_000_000
    sender = Sender(receiver)
    for number in range(3):
        sender.put(number)
    began_s = time.monotonic()
    sender.close()
    assert time.monotonic() - began_s < 10
    assert (sender.n_sent, sender.n_dropped) == (0, 3)
