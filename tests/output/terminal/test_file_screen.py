import io
import re

import pytest
from rich.console import Console

from genrestream.output.terminal.console import ASCII, UNICODE
from genrestream.output.terminal.file_screen import FileScreen
from genrestream.output.terminal.lines import shortened
from tests.conftest import METAL


def show(model, width, sources, **options):
    """Return what a terminal of this width was sent, with its control sequences."""
    console = Console(file=io.StringIO(), force_terminal=True, width=width, height=24, highlight=False)
    screen = FileScreen(len(sources), console=console)
    for source in sources:
        with model.stream(source, **options) as stream:
            screen.begin(str(source), stream.source.duration_s)
            for prediction in stream:
                screen.chunk(str(source), prediction)
            screen.verdict(stream.verdict())
    screen.close()
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_bars_votes_time_and_speed_are_shown(model, width):
    shown = show(model, width, [METAL])
    for part in ("metal", "10/10", "0:30.0", "x", "last chunk", "0.99"):
        assert part in shown
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1  # the cursor comes back


def test_several_sources_end_in_a_table(model):
    shown = show(model, 80, [METAL, METAL])
    assert "2 of 2" in shown
    assert not re.search(r"\d+x", shown)  # they are read ahead of their turn, so that a speed would be wrong
    assert shown.rstrip().splitlines()[-1].split()[-1] == "0:30.0"


def test_a_failed_source_is_in_the_table(model):
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    screen = FileScreen(2, console=console)
    screen.error("a.wav", "a.wav: is empty")
    screen.close()
    assert "is empty" in console.file.getvalue()  # type: ignore[attr-defined]


def test_long_names_keep_their_end():
    assert shortened("a/very/long/name.wav", 10, UNICODE) == "…/name.wav"
    assert shortened("a/very/long/name.wav", 10, ASCII) == "...ame.wav"
    assert shortened("short.wav", 10, UNICODE) == "short.wav"
    assert shortened("日本日本日本.wav", 8, UNICODE) == "…本.wav"
    assert "\x1b" not in shortened("a\x1bb", 10, UNICODE)
    assert shortened("é", 10, ASCII) == "\\xe9"
