"""The live screen of ``genrestream listen``: all inputs, one under the other."""

import time
from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from genrestream.output.sink import Sink, no_position
from genrestream.output.terminal.console import Terminal, console_of, glyphs_of
from genrestream.output.terminal.input_view import InputView
from genrestream.output.terminal.lines import STYLES, Frame, Line, cut, size_of
from genrestream.output.text import verdict_in_words
from genrestream.streaming.predictions import Prediction, Verdict
from genrestream.streaming.status import Event, Status

FRAME_S = 0.125


class LiveScreen(Sink):
    """A full-screen view, redrawn up to eight times a second; the terminal is given back as it was.

    Args:
        model: The model's name.
        terminal: Where to draw; standard output where None.
        console: The console to draw with, in its place.
    """

    def __init__(self, model: str, terminal: Terminal | None = None, console: Console | None = None):
        self._model = model
        self._console = console or console_of(terminal)
        self._glyphs = glyphs_of(self._console)
        self._has_colours = self._console.color_system is not None and not self._console.no_color
        self._frame = Frame(self._console)
        self._views: dict[str, InputView] = {}
        self._statuses: dict[str, Status] = {}
        self._drawn_s = 0.0

    def begin(self, source: str, duration_s: float | None, position_s: Callable[[], float] = no_position) -> None:
        """Take over the terminal."""
        if not self._frame.is_open:
            self._frame.open()
        self.show(Status(source))

    def show(self, status: Status) -> None:
        """Draw the runs as they stand, where the last frame is old enough."""
        self._statuses[status.source] = status
        if self._frame.is_open and time.monotonic() - self._drawn_s >= FRAME_S:
            self.draw()

    def draw(self) -> None:
        """Draw the runs as they stand."""
        self._drawn_s = time.monotonic()
        self._frame.draw(self.rows())

    def chunk(self, source: str, prediction: Prediction) -> None:
        """Draw at once: an answer is not held back for the next frame."""
        self._view(source).take(prediction)
        self._drawn_s = 0.0

    def event(self, source: str, event: Event) -> None:
        """Draw at once; the status holds the event's words."""
        self._drawn_s = 0.0

    def verdict(self, verdict: Verdict) -> None:
        """Give the terminal back and print the closing line."""
        self.close()
        words = self._glyphs.shown(verdict_in_words(verdict))
        self._console.print(Text(words, STYLES[verdict.final.state]), soft_wrap=True)

    def error(self, source: str, message: str) -> None:
        """Give the terminal back; the run prints why."""
        self.close()

    def close(self) -> None:
        """Give the terminal back."""
        self._frame.close()

    def rows(self) -> list[Line]:
        """Return the whole screen: as many lines as the terminal has rows, each as wide as it is."""
        width, height = size_of(self._console)
        statuses = list(self._statuses.values())
        n_left_out = max(0, len(statuses) - height + 1) if len(statuses) > height else 0
        more: list[Line] = [cut(((f" and {n_left_out} more", "dim"),), width)] if n_left_out else []
        shown, room = statuses[: len(statuses) - n_left_out], height - len(more)
        rows: list[Line] = []
        for number, status in enumerate(shown):
            n_rows = room // len(shown) + (number < room % len(shown))
            rows += self._view(status.source).rows(status, width, n_rows, is_alone=len(statuses) == 1)
        return rows + more

    def _view(self, source: str) -> InputView:
        if source not in self._views:
            self._views[source] = InputView(self._model, self._glyphs, self._has_colours)
        return self._views[source]
