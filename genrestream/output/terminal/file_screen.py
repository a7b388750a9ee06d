"""The screen of ``genrestream file``: bars of the running probabilities while a file plays through the model."""

import dataclasses
import time
from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from genrestream.output.sink import Sink, no_position
from genrestream.output.terminal.bars import Bars
from genrestream.output.terminal.console import Terminal, console_of, glyphs_of
from genrestream.output.terminal.lines import STYLES, as_text, shortened
from genrestream.output.text import clock, last_chunk_in_words, verdict_in_words, votes_in_words
from genrestream.streaming.predictions import Prediction, Verdict

N_BARS = 10


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of the table at the end."""

    source: str
    state: str
    genre: str
    probability: str = ""
    votes: str = ""
    note: str = ""


class FileScreen(Sink):
    """A live view of one source after another, a line for each that is done, a table of all at the end.

    Args:
        n_sources: How many sources there will be.
        terminal: Where to draw; standard output where None.
        console: The console to draw with, in its place.
    """

    def __init__(self, n_sources: int, terminal: Terminal | None = None, console: Console | None = None):
        self._console = console or console_of(terminal)
        self._glyphs = glyphs_of(self._console)
        self._n_sources = n_sources
        self._done: list[Row] = []
        self._live: Live | None = None
        self._source = ""
        self._duration_s: float | None = None
        self._position_s = no_position
        self._prediction: Prediction | None = None
        self._bars = Bars(self._glyphs)
        self._began_s = 0.0

    def begin(self, source: str, duration_s: float | None, position_s: Callable[[], float] = no_position) -> None:
        """Start a source."""
        self._source, self._duration_s, self._position_s = source, duration_s, position_s
        self._prediction, self._began_s, self._bars = None, time.monotonic(), Bars(self._glyphs)
        # Drawn four times a second by a thread of rich's, so that the time moves where no chunk comes for long.
        self._live = Live(console=self._console, transient=True, get_renderable=self._view)
        self._live.start()

    def chunk(self, source: str, prediction: Prediction) -> None:
        """Show a chunk and what the vote says after it."""
        self._prediction = prediction

    def verdict(self, verdict: Verdict) -> None:
        """Replace the bars by the closing line."""
        self._end()
        final = verdict.final
        words = self._glyphs.shown(verdict_in_words(verdict) + self._speed(verdict.duration_s, " at "))
        self._console.print(Text(words, STYLES[final.state]))
        row = Row(
            verdict.source, final.state, verdict.genre, note="; ".join((clock(verdict.duration_s), *verdict.problems))
        )
        if final.n_votes:
            row = dataclasses.replace(row, probability=f"{final.probability:.2f}", votes=votes_in_words(final))
        self._done.append(row)

    def error(self, source: str, message: str) -> None:
        """Note a source that failed; the run prints why."""
        self._end()
        self._done.append(Row(source, "failed", "failed", note=message.removeprefix(f"{source}: ")))

    def close(self) -> None:
        """Restore the terminal and print the table of all sources, where there are several."""
        self._end()
        if self._n_sources > 1 and self._done:
            self._console.print(self._summary())

    def _end(self) -> None:
        if self._live:
            self._live.stop()
            self._live = None

    def _view(self) -> RenderableType:
        prediction, now_s = self._prediction, self._position_s()
        if not now_s and not prediction:
            return Text(f"opening {shortened(self._source, self._console.width - 8, self._glyphs)}")
        now_s = max(now_s, prediction.end_s if prediction else 0.0)
        parts: list[RenderableType] = [self._head(now_s)]
        if prediction:
            parts += map(as_text, self._bars.rows(prediction.running, self._console.width, N_BARS))
            parts += [self._foot(prediction)]
        return Group(*parts, *self._progress(now_s))

    def _head(self, now_s: float) -> Text:
        total = f" of {clock(self._duration_s)}" if self._duration_s else ""
        times = f"{clock(now_s)}{total}{self._speed(now_s, '  ')}  "
        return Text.assemble(times, shortened(self._source, self._console.width - len(times), self._glyphs))

    def _speed(self, done_s: float, before: str) -> str:
        """Return how many times faster than it plays; nothing of several files, which are read ahead."""
        if self._n_sources > 1:
            return ""
        return f"{before}{done_s / max(1e-3, time.monotonic() - self._began_s):.0f}x"

    def _progress(self, now_s: float) -> list[Table]:
        """Return a bar over all sources, or over the one; none where a length is not known."""
        if self._n_sources == 1 and not self._duration_s:
            return []
        fraction = min(1.0, now_s / self._duration_s) if self._duration_s else 0.0
        line = Table.grid(padding=(0, 1), expand=True)
        line.add_column(no_wrap=True)
        line.add_column(ratio=1)
        place = f"{len(self._done) + 1} of {self._n_sources}" if self._n_sources > 1 else f"{fraction:4.0%}"
        line.add_row(place, ProgressBar(self._n_sources, len(self._done) + fraction))
        return [line]

    def _foot(self, prediction: Prediction) -> Text:
        now = prediction.running
        foot = Text.assemble(
            ("now ", "dim"), (now.genre, STYLES[now.state]), ("   last chunk ", "dim"), last_chunk_in_words(prediction),
            ("   level ", "dim"), f"{prediction.level_db:.0f} dB", ("   vote ", "dim"), now.rule,
        )  # fmt: skip
        if prediction.title:
            foot.append("   title ", "dim").append(self._glyphs.shown(prediction.title))
        foot.truncate(self._console.width, overflow="ellipsis")
        return foot

    def _summary(self) -> Table:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("file", "genre", "prob", "votes"):
            table.add_column(name, no_wrap=True)
        table.add_column("length", overflow="fold")
        room = max(16, self._console.width - 50)
        for row in self._done:
            source, genre = (
                Text(shortened(text, cells, self._glyphs)) for text, cells in ((row.source, room), (row.genre, 20))
            )
            genre.stylize(STYLES[row.state])
            table.add_row(source, genre, row.probability, row.votes, Text(self._glyphs.shown(row.note)))
        return table
