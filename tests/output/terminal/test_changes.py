import io

from genrestream.output.terminal.changes import Changes
from genrestream.streaming.predictions import Decision
from genrestream.streaming.status import Event, Status
from genrestream.voting.steps import Kind
from tests.output.terminal.made_up import answer, decision


def test_a_line_for_each_change():
    file = io.StringIO()
    changes = Changes(file, 1)
    changes.begin("a.wav", None)
    both = decision(genres=("metal", "rock"))
    answers: list[tuple[float, Decision, Kind]] = [
        (3, decision(), "music"), (4, decision(prob=0.9), "music"), (5, decision(), "silence"),
        (6, decision(prob=0.3, state="unsure", genres=()), "music"), (7, both, "music"),
        (8, decision(genres=("rock", "metal")), "music"),
    ]  # fmt: skip
    for end_s, running, kind in answers:
        changes.chunk("a.wav", answer(end_s, running, kind))
    changes.event("a.wav", Event(9.7, "no input", "a\x1b is silent"))
    assert file.getvalue().splitlines() == [
        "0:03 metal 0.80", "0:05 silence", "0:06 unsure, metal leads with 0.30", "0:07 metal 0.80 + rock 0.02",
        "0:09 no input: a\\x1b is silent",
    ]  # fmt: skip


def test_a_live_run_is_told_by_its_status():
    file = io.StringIO()
    changes = Changes(file, 1)
    status = Status("x")
    changes.show(status)
    status.prediction, status.state, status.time_s = answer(10), "music", 10.2
    changes.chunk("x", status.prediction)
    changes.show(status)
    changes.event("x", Event(12.0, "silence", "silence"))
    status.state = "silence"
    changes.chunk("x", answer(12))  # a chunk that began before the silence
    changes.show(status)
    changes.event("x", Event(13.0, "silence", "3 blocks dropped"))
    assert file.getvalue().splitlines() == ["0:10 metal 0.80", "0:12 silence", "0:13 silence: 3 blocks dropped"]
