"""The live screen of ``genrestream listen``: what plays, how sure that is, and how the input is."""

import collections
import time
from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from genrestream.output.screen_parts import STYLES, Terminal, bars, console_of
from genrestream.output.sink import Sink, no_position
from genrestream.output.text import clock, last_chunk_in_words, printable, verdict_in_words, votes_in_words
from genrestream.streaming.predictions import Prediction, Verdict
from genrestream.streaming.status import Event, Status

FRAME_S = 0.125
N_OTHER_LINES = 11  # all but the bars
STRIP_S = 60
QUIETEST_DB = -60.0  # left end of the level meter
LOUD_DB = -6.0
PALETTE = (
    "blue", "magenta", "bright_yellow", "bright_magenta", "bright_cyan",
    "cyan", "red", "bright_blue", "green", "bright_red",
)  # fmt: skip
MARKS = {
    "nothing": (" ", "dim"), "silence": ("·", "dim"), "speech": ('"', "cyan"), "noise": ("~", "dim"),
    "unsure": ("?", "yellow"), "no input": ("×", "bold red"),  # noqa: RUF001 - a cross
}  # fmt: skip
WORDS = {"nothing": "starting"}


class LiveScreen(Sink):
    """A full-screen view, drawn anew eight times a second; the terminal is given back as it was.

    Args:
        model: The model's name.
        terminal: Where to draw; standard output where None.
        console: The console to draw with, in its place.
    """

    def __init__(self, model: str, terminal: Terminal | None = None, console: Console | None = None):
        self._model = model
        self._console = console or console_of(terminal)
        self._live = Live(console=self._console, screen=True, auto_refresh=False, vertical_overflow="crop")
        self._source = ""
        self._strip: collections.deque[tuple[str, str]] = collections.deque(maxlen=STRIP_S)
        self._began_s = self._drawn_s = 0.0

    def begin(self, source: str, duration_s: float | None, position_s: Callable[[], float] = no_position) -> None:
        """Take over the terminal."""
        self._source, self._began_s = source, time.monotonic()
        self._live.start()
        self.show(Status())

    def show(self, status: Status) -> None:
        """Draw the run as it stands, where the last frame is old enough."""
        now_s = time.monotonic()
        while now_s - self._began_s > len(self._strip) and len(self._strip) < STRIP_S:
            self._strip.append(_cell(status))
        if len(self._strip) == STRIP_S and now_s - self._began_s > STRIP_S:
            self._began_s += 1
            self._strip.append(_cell(status))
        if self._live.is_started and now_s - self._drawn_s >= FRAME_S:
            self._drawn_s = now_s
            self._live.update(self.view(status), refresh=True)

    def chunk(self, source: str, prediction: Prediction) -> None:
        """Draw at once: an answer is not held back for the next frame."""
        self._drawn_s = 0.0

    def event(self, source: str, event: Event) -> None:
        """Draw at once; the status holds the event's words."""
        self._drawn_s = 0.0

    def verdict(self, verdict: Verdict) -> None:
        """Give the terminal back and print the closing line."""
        self.close()
        self._console.print(Text(verdict_in_words(verdict), STYLES[verdict.final.state]), soft_wrap=True)

    def error(self, source: str, message: str) -> None:
        """Give the terminal back; the run prints why."""
        self.close()

    def close(self) -> None:
        """Give the terminal back."""
        if self._live.is_started:
            self._live.stop()

    def view(self, status: Status) -> RenderableType:
        """Return the whole screen."""
        prediction = status.prediction
        word = WORDS.get(status.state, status.state)
        n_bars = max(1, self._console.height - N_OTHER_LINES)
        return Group(
            self._line(
                ("genrestream  ", "bold"),
                printable(self._source),
                (f"  {self._model}", "dim"),
                f"  {clock(status.time_s)}",
            ),
            self._line(
                (f" {word} ", STYLES[status.state]),
                "  ",
                (printable(status.notice), "yellow"),
            ),
            Text(),
            *(_answers(prediction) if prediction else (Text(), Text("the first answer comes after 3 seconds"), Text())),
            _bars(prediction, n_bars) if prediction else Text(),
            Text(),
            self._line(("last minute ", "dim"), *self._strip),
            _meter(status, self._console.width),
            self._line(*_facts(status)),
        )

    def _line(self, *parts: str | tuple[str, str]) -> Text:
        text = Text.assemble(*parts)
        text.truncate(self._console.width, overflow="ellipsis")
        return text


def _cell(status: Status) -> tuple[str, str]:
    """Return one second of the strip: the first letter of the genre in its colour, or a mark."""
    if status.state in MARKS:
        return MARKS[status.state]
    assert status.prediction is not None  # there is no music before the first answer
    genre = status.prediction.running.genres[0]
    return genre[0], f"black on {_colour(genre, status.prediction)}"


def _colour(label: str, prediction: Prediction) -> str:
    return PALETTE[list(prediction.running.probs).index(label) % len(PALETTE)]


def _answers(prediction: Prediction) -> tuple[RenderableType, ...]:
    """Return the slow answer and the fast one side by side."""
    running = prediction.running
    slow = f"{running.genre} {running.probability:.2f}" if running.n_votes else running.genre
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(ratio=1, no_wrap=True)
    table.add_column(ratio=1, no_wrap=True)
    table.add_row(Text(f"running: {running.rule}", "dim"), Text("last chunk", "dim"))
    table.add_row(Text(slow, STYLES[running.state]), Text(last_chunk_in_words(prediction), "bold"))
    return table, Text()


def _bars(prediction: Prediction, n_bars: int) -> Table:
    """Return a bar for each label, in the model's order where all fit, else the most probable ones."""
    running = prediction.running
    labels = list(running.probs)
    if len(labels) > n_bars:
        labels = [label for label, _ in running.ranked(n_bars)]
    return bars(running, labels, lambda label: _colour(label, prediction))


def _meter(status: Status, width: int) -> Text:
    """Return the level meter: loudness as a bar, the peak as a tick, a mark where the input is clipped."""
    n_cells = max(10, min(40, width - 51))

    def cells(level_db: float) -> int:
        return round(n_cells * min(1.0, max(0.0, 1 - level_db / QUIETEST_DB)))

    n_loud, n_peak = cells(status.level_db), cells(status.peak_db)
    meter = list("━" * n_loud + "─" * (n_cells - n_loud))
    if n_peak:
        meter[n_peak - 1] = "┃"
    style = "red" if status.is_clipped else "yellow" if status.peak_db > LOUD_DB else "green"
    line = Text.assemble(
        ("level       ", "dim"), ("".join(meter), style), f" {status.level_db:4.0f} dB, peak {status.peak_db:4.0f} dB ",
        (" CLIPPED ", "bold white on red") if status.is_clipped else "",
    )  # fmt: skip
    line.truncate(width, overflow="ellipsis")
    return line


def _facts(status: Status) -> list[str | tuple[str, str]]:
    delay = "-" if status.delay_s is None else f"{1000 * status.delay_s:.0f} ms"
    running = status.prediction.running if status.prediction else None
    votes = votes_in_words(running) if running and running.n_votes else "-"
    facts = {"votes": votes, "delay": delay, "dropped": str(status.n_dropped), "hop": f"{status.hop_s:g} s"}
    parts: list[str | tuple[str, str]] = []
    for name, fact in facts.items():
        parts += [(f"{name} ", "dim"), (fact, "bold red" if name == "dropped" and status.n_dropped else ""), "   "]
    return [*parts, ("Ctrl-C ends", "dim")]
