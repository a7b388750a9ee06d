"""What is made of a listener's updates: stretches in wall-clock time, messages and counts."""

import dataclasses
from datetime import datetime, timedelta

import pytest

from genrestream.inference import shipped
from genrestream.inference.card import read_card
from genrestream.serve import view
from genrestream.serve.stretches import Stretches
from genrestream.serve.view import Counts, StreamView
from genrestream.streaming.predictions import Decision
from genrestream.streaming.status import Event, Status
from tests.streaming.test_segments import LABELS, heard

BEGAN = datetime.now().astimezone() - timedelta(minutes=5)


def at(seconds):
    return BEGAN + timedelta(seconds=seconds)


def chunk(start_s, genre="metal"):
    return dataclasses.replace(heard(start_s, genre), time=at(start_s + 3))


@pytest.fixture
def watched():
    """A view; what it publishes; what it keeps; and its counts."""
    card, messages, kept, counts = read_card(shipped.find("mlp") / "checkpoint.json"), [], [], Counts()
    card = dataclasses.replace(card, labels=LABELS)
    return (
        StreamView("main", "hall", card, messages.append, counts, keep=lambda *of: kept.append(of)),
        messages,
        kept,
        counts,
    )


def test_lost_input_ends_where_the_music_begins_again():
    """The first chunk after it comes three seconds later."""
    stretches = Stretches(LABELS)
    for number in range(4):
        stretches.push(chunk(3 * number))
    (metal,) = stretches.note(Event(12.5, "no input", "gone", at(14)))
    (lost,) = stretches.push(chunk(40))
    (again,) = stretches.flush()
    assert [one.genre for one in (metal, lost, again)] == ["metal", "no input", "metal"]
    assert metal.end == pytest.approx(at(12).timestamp())
    assert (lost.start, lost.end) == pytest.approx((at(14).timestamp(), at(40).timestamp()))
    assert (lost.start_s, lost.end_s) == (12.5, 40)
    assert again.start == pytest.approx(at(40).timestamp())


def test_lost_input_that_goes_on_is_kept_and_told_again_and_again(watched, monkeypatch):
    """No chunk comes, and a server that is killed must not lose hours."""
    monkeypatch.setattr(view, "NOW_S", -1.0)
    monkeypatch.setattr(view, "TICK_S", 0.0)
    stream, messages, kept, _ = watched
    lost = Status("hall", "no input")
    stream.follow([chunk(0), Event(3.5, "no input", "gone", at(5)), lost, lost, lost])
    open_ones = [still_open[0] for _, still_open in kept if still_open]
    assert [one.genre for one in open_ones] == ["metal", *["no input"] * 4]
    assert all(one.start == at(5).timestamp() for one in open_ones[1:])
    ends = [one.end for one in open_ones[1:]]
    assert ends == sorted(ends)
    assert ends[-1] > at(200).timestamp()
    assert sum(message["type"] == "segments" for message in messages) == len(kept)


def test_blocks_that_were_dropped_add_up_over_streams(watched, monkeypatch):
    monkeypatch.setattr(view, "TICK_S", 0.0)
    stream, _, _, counts = watched
    other = StreamView("main", "hall", read_card(shipped.find("mlp") / "checkpoint.json"), lambda _: None, counts)
    stream.follow(Status("hall", n_dropped=number) for number in (0, 2, 3))
    other.follow(Status("hall", n_dropped=number) for number in (0, 1))
    assert counts.n_dropped == 4


def test_sets_of_tags_are_counted_by_the_leading_one():
    """A key for each set would be memory without end, and as many series in Prometheus."""
    counts, probs = Counts(), {"metal": 0.9, "rock": 0.8, "jazz": 0.7}
    for genres in (("metal",), ("metal", "rock"), ("metal", "rock", "jazz")):
        running = Decision("music", genres, probs, dict.fromkeys(probs, 1), 1, "mean")
        counts.take(dataclasses.replace(heard(0, "metal"), running=running))
    counts.take(heard(0, "speech"))
    assert counts.chunks == {("music", "metal"): 3, ("speech", "speech"): 1}
