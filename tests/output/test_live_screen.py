import io

import pytest
from rich.console import Console

from genrestream.output.live_screen import LiveScreen
from genrestream.streaming.status import Event, Status, state_after
from tests.conftest import METAL


def shown(status, width=80, height=24, screen=None):
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    screen = screen or LiveScreen("musicnn")
    screen._console = console
    console.print(screen.view(status))
    return console.file.getvalue().splitlines()  # pyright: ignore[reportAttributeAccessIssue]


@pytest.fixture(scope="module")
def status(model):
    prediction = list(model.stream(METAL))[-1]
    return Status(
        state=state_after(prediction), time_s=30, level_db=-12, peak_db=-1, delay_s=0.045, prediction=prediction
    )


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 16), (120, 40), (40, 12)])
@pytest.mark.parametrize("which", ["genres", "tags", "nothing yet"])
def test_it_fits_the_terminal(status, tags, which, width, height):
    if which == "tags":
        prediction = list(tags.stream(METAL))[-1]
        status = Status(
            state="music", prediction=prediction, notice="a notice " * 20, n_dropped=12_345, is_clipped=True
        )
    lines = shown(Status() if which == "nothing yet" else status, width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width


def test_all_that_matters_is_on_80_by_24(status):
    text = "\n".join(shown(status))
    for fact in (" music ", "metal", "running: mean", "last chunk", "votes metal 10/10"):
        assert fact in text
    for fact in ("45 ms", "dropped 0", "hop 1 s", "-12 dB", "last minute", "0:30.0"):
        assert fact in text
    assert "CLIPPED" not in text
    status.is_clipped = True
    assert "CLIPPED" in "\n".join(shown(status))


@pytest.mark.parametrize("state", ["music", "silence", "unsure", "no input"])
def test_each_state_is_named(status, state):
    status.state = state
    assert shown(status)[1].strip().startswith(state)


def test_events_do_not_disturb_a_screen_that_is_not_open():
    screen = LiveScreen("musicnn")
    screen.event("x", Event(0, "no input", "gone"))
    screen.close()
    screen.close()
