import io
import os
import shutil
import subprocess
import sys

import pytest
from rich.cells import cell_len
from rich.console import Console

from genrestream.output.terminal.live_screen import LiveScreen
from genrestream.streaming.status import Event, Status, state_after
from tests.conftest import METAL
from tests.output.terminal.made_up import answer, decision
from tests.pulse import until

SIZES = [(80, 24), (60, 15), (120, 40), (40, 8), (20, 3), (1, 1), (300, 100)]


def screen(width=80, height=24, model="musicnn", encoding="utf-8"):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    return LiveScreen(
        model, console=Console(file=file, width=width, height=height, force_terminal=True, color_system="truecolor")
    )


def shown(status, width=80, height=24, on=None):
    drawn = on or screen(width, height)
    drawn.show(status)
    return ["".join(text for text, _ in line) for line in drawn.rows()]


def playing(**more):
    """Return the status 44 s after the start of the stream, 3 s after the music began."""
    given = {
        "state": "music", "time_s": 44.5, "level_db": -12, "peak_db": -1, "delay_s": 0.045,
        "prediction": answer(44, decision(since_s=41.2)),
    }  # fmt: skip
    return Status(**(given | more))


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("which", ["genres", "tags", "nothing yet", "no input"])
def test_it_fills_the_terminal_exactly(tags, which, encoding, width, height):
    status = playing(notice="a\x1b[2J notice 日本" * 20, n_dropped=12_345, is_clipped=True)
    if which == "tags":
        status.prediction = list(tags.stream(METAL))[-1]
    if which == "no input":
        status.state = "no input"
    if which == "nothing yet":
        status = Status()
    drawn = screen(width, height, "日本" * 30, encoding)
    status.source = "http://日本\n\x1b[31m/" * 30
    lines = shown(status, on=drawn)
    assert [cell_len(line) for line in lines] == [width] * height
    assert all(line.isprintable() for line in lines)
    assert encoding == "utf-8" or all(line.isascii() for line in lines)


def test_all_that_matters_is_on_80_by_24():
    text = "\n".join(shown(playing()))
    for fact in (" music  0.80  votes metal 7/8 since 0:41  last chunk metal 0.80", "musicnn  0:44", "0:30", "45 ms"):
        assert fact in text
    for fact in ("dropped 0", "an answer each 1 s", "-12 dB, peak   -1 dB", "Ctrl-C"):
        assert fact in text
    assert "██▄▄  ▄▄██  ██▀▀▀▀  ▀▀██▀▀" in text  # the large letters
    assert "CLIPPED" not in text
    assert "CLIPPED" in "\n".join(shown(playing(is_clipped=True)))


@pytest.mark.parametrize(("width", "height"), [(60, 15), (40, 8)])
def test_a_small_terminal_keeps_answer_state_and_strip(width, height):
    drawn = screen(width, height)
    drawn.chunk("", answer(44, decision(since_s=0.0)))
    lines = shown(playing(), on=drawn)
    assert any("metal 7/8 since 0:41" in line for line in lines)
    assert any(line.startswith("  metal ") for line in lines[-4:])  # the strip
    assert " metal   0.80" in lines[1] or "█▀▄▀█ █▄   █  █▄█ █" in lines[2]


@pytest.mark.parametrize("state", ["silence", "speech", "noise", "no input"])
def test_a_genre_that_is_over_is_not_the_answer(state):
    kind = "silence" if state == "no input" else state
    lines = shown(playing(state=state, prediction=answer(44, kind=kind)), 40, 8)
    assert [line.split("  ")[0].strip() for line in lines[1:3]] == [state, state]
    assert "metal" not in "".join(lines[1:3])
    assert "0.80" not in "".join(lines[1:3])


def test_unsure_names_the_leader_beside_it():
    unsure = decision(prob=0.4, state="unsure", genres=())
    text = "\n".join(shown(playing(state="unsure", prediction=answer(44, unsure))))
    assert "metal leads with 0.40" in text


def test_several_labels_stand_beside_the_first():
    probs = dict.fromkeys(("rock › punk", "loud", "fast"), 0.0) | {"rock › punk": 0.4, "loud": 0.3}
    several = decision(genres=("rock › punk", "loud"), probs=probs, votes=dict.fromkeys(probs, 1))
    lines = shown(playing(prediction=answer(44, several)), 120, 24)
    word = next(row for row, line in enumerate(lines) if line.rstrip().endswith(" 0.40"))
    assert lines[word + 1].rstrip().endswith(" + loud 0.30")
    assert "▀" in lines[word]
    assert any(
        "rock > punk" in line for line in shown(playing(prediction=answer(44, several)), on=screen(encoding="latin-1"))
    )


def test_a_notice_goes_when_it_is_old():
    drawn, status = screen(), playing(notice="3 blocks dropped")
    assert "3 blocks dropped" in "\n".join(shown(status, on=drawn))
    status.notice = ""
    assert "3 blocks dropped" not in "\n".join(shown(status, on=drawn))


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("n_inputs", [2, 3, 7])
def test_several_inputs_fill_the_terminal_exactly(n_inputs, width, height):
    drawn = screen(width, height)
    for number in range(n_inputs):
        state = "no input" if number == 1 else "music"
        drawn.show(playing(source=f"日本 {number}" * 3, state=state, notice="x is gone" * (number == 1)))
    lines = ["".join(text for text, _ in line) for line in drawn.rows()]
    assert [cell_len(line) for line in lines] == [width] * height
    if width >= 40 and height >= n_inputs:
        assert all(any(f"本 {number}" in line for line in lines) for number in range(n_inputs))
        assert sum("metal" in line or "0.80" in line for line in lines) >= n_inputs - 1


def test_each_of_several_inputs_has_its_answer_and_its_strip():
    drawn = screen(80, 24)
    for source, genre in (("hall", "metal"), ("bar", "classical")):
        drawn.chunk(source, answer(44, decision(genre, since_s=0.0)))
        drawn.show(playing(source=source, prediction=answer(44, decision(genre, since_s=0.0))))
    lines = ["".join(text for text, _ in line) for line in drawn.rows()]
    at = next(row for row, line in enumerate(lines) if line.startswith(" bar "))
    for source, genre, part in (("hall", "metal", lines[:at]), ("bar", "classical", lines[at:])):
        assert part[0].startswith(f" {source} ")
        assert any(f"votes {genre} 7/8" in line for line in part)
        assert any(line.startswith(f"  {genre} ") for line in part[-4:])


def test_the_place_of_everything_stays_when_the_answer_changes():
    drawn = screen()
    states = [playing(), playing(state="silence"), playing(prediction=answer(44, decision("classical", 0.6))), Status()]
    places = [
        [row for row, line in enumerate(shown(status, on=drawn)) if line.startswith((" level", " Ctrl-C", " starting"))]
        for status in states
    ]
    assert len({tuple(place[-2:]) for place in places}) == 1


def test_only_lines_that_changed_are_sent():
    drawn, status = screen(), playing()
    drawn.begin("", None)
    file = drawn._console.file
    sent = []
    for level_db in (-12, -12, -30):
        status.level_db = level_db
        before = file.tell()
        drawn.show(status)
        drawn.draw()
        sent.append(file.tell() - before)
    drawn.close()
    assert sent[0] > 1000
    assert sent[1] == 0
    assert 0 < sent[2] < 300


def test_lost_input_moves_the_strip_on():
    drawn = screen()
    status = playing(state="no input")
    shown(status, on=drawn)
    view = drawn._view("")
    at_s, clock_s = view._lost_at_s or pytest.fail("the loss is not noted")
    view._lost_at_s = at_s, clock_s - 60  # as if a minute had passed
    lines = shown(status, on=drawn)
    assert "1:44" in lines[0]
    assert "× no input ×" in "".join(lines)  # noqa: RUF001


def test_real_answers_of_a_model(model):
    drawn, status = screen(), Status()
    for prediction in model.stream(METAL):
        drawn.chunk("", prediction)
        status.prediction, status.state, status.time_s = prediction, state_after(prediction), prediction.end_s
    text = "\n".join(shown(status, on=drawn))
    assert "votes metal 10/10" in text
    assert "  metal   " in text


def test_events_do_not_disturb_a_screen_that_is_not_open():
    drawn = screen()
    drawn.event("x", Event(0, "no input", "gone"))
    drawn.close()
    drawn.close()


class Tmux:
    """A real terminal of a given size."""

    def __init__(self, folder, width, height):
        if not shutil.which("tmux"):
            pytest.skip("tmux, which is the terminal of this test, is missing")
        self._tmux = ["tmux", "-S", str(folder / "socket"), "-f", os.devnull]
        self._run("new-session", "-d", "-x", str(width), "-y", str(height), "sh")
        self._run("set", "-g", "status", "off")

    def _run(self, *arguments):
        return subprocess.run([*self._tmux, *arguments], check=True, capture_output=True, text=True).stdout

    def type(self, text):
        self._run("send-keys", text, "Enter")

    def resize(self, width, height):
        self._run("resize-window", "-x", str(width), "-y", str(height))

    def lines(self):
        return self._run("capture-pane", "-p").splitlines()

    def close(self):
        self._run("kill-server")


@pytest.fixture
def tmux(tmp_path):
    terminal = Tmux(tmp_path, 80, 24)
    yield terminal
    terminal.close()


def is_whole(lines, height):
    return len(lines) == height and METAL.name in lines[0] and "dB, peak" in lines[-2]


def test_it_follows_the_size_of_a_real_terminal(tmux, default):
    listen = f"{sys.executable} -m genrestream listen --source {METAL}"
    cache = os.environ["GENRESTREAM_CACHE"]
    tmux.type(f"COLUMNS=80 LINES=24 TERM=xterm-256color PYTHONIOENCODING=utf-8 GENRESTREAM_CACHE={cache} {listen}")
    until(lambda: any("votes metal" in line for line in tmux.lines()), 60)
    for width, height in ((60, 15), (40, 8), (120, 40), (80, 24)):
        tmux.resize(width, height)
        until(lambda: is_whole(tmux.lines(), height), 10)  # noqa: B023 - it is called before the next round
