"""The live screen: bars of the running probabilities while a file plays through the model."""

import dataclasses
import time

from rich.bar import Bar
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from genrestream.output.sink import Sink
from genrestream.output.text import clock, printable, verdict_in_words, votes_in_words
from genrestream.streaming.predictions import Prediction, Verdict

N_BARS = 10
STYLES = {"music": "bold green", "unsure": "yellow", "silence": "dim", "failed": "bold red"}


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
    """A live view of one source after another, a line for each that is done, a table of them all at the end."""

    def __init__(self, n_sources: int, console: Console | None = None):
        self._console = console or Console(highlight=False)
        self._n_sources = n_sources
        self._done: list[Row] = []
        self._live: Live | None = None
        self._duration_s: float | None = None
        self._began_s = 0.0

    def begin(self, source: str, duration_s: float | None) -> None:
        """Start a source; the duration is what its header claims."""
        self._duration_s, self._began_s = duration_s, time.monotonic()
        self._live = Live(Text(f"listening to {printable(source)} …"), console=self._console, transient=True)
        self._live.start()

    def chunk(self, source: str, prediction: Prediction) -> None:
        """Show a chunk and what the vote says after it."""
        if self._live:
            self._live.update(self._view(source, prediction))

    def verdict(self, verdict: Verdict) -> None:
        """Replace the bars by the closing line."""
        self._end()
        final, speed = verdict.final, verdict.duration_s / max(1e-3, time.monotonic() - self._began_s)
        self._console.print(Text(f"{verdict_in_words(verdict)} at {speed:.0f}x", STYLES[final.state]))
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

    def _view(self, source: str, prediction: Prediction) -> Group:
        running, elapsed_s = prediction.running, max(1e-3, time.monotonic() - self._began_s)
        total = f" of {clock(self._duration_s)}" if self._duration_s else ""
        times = f"{clock(prediction.end_s)}{total}  {prediction.end_s / elapsed_s:.0f}x  "
        head = Text.assemble(times, shortened(source, self._console.width - len(times)))
        bars = Table.grid(padding=(0, 1), expand=True)
        bars.add_column(no_wrap=True)
        bars.add_column(ratio=1)
        bars.add_column(no_wrap=True)
        bars.add_column(no_wrap=True, justify="right")
        for label, prob in running.ranked(N_BARS):
            style = STYLES["music"] if label in running.genres else "cyan"
            votes = f"{running.votes[label]}/{running.n_votes}"
            bars.add_row(Text(label, style), Bar(1.0, 0.0, prob, color=style.split()[-1]), f"{prob:.2f}", votes)
        return Group(head, bars, self._foot(prediction), *self._progress(prediction.end_s))

    def _progress(self, heard_s: float) -> list[Table]:
        """Return a bar over all sources, or over the one; none where a length is not known."""
        if self._n_sources == 1 and not self._duration_s:
            return []
        fraction = min(1.0, heard_s / self._duration_s) if self._duration_s else 0.0
        line = Table.grid(padding=(0, 1), expand=True)
        line.add_column(no_wrap=True)
        line.add_column(ratio=1)
        place = f"{len(self._done) + 1} of {self._n_sources}" if self._n_sources > 1 else f"{fraction:4.0%}"
        line.add_row(place, ProgressBar(self._n_sources, len(self._done) + fraction))
        return [line]

    def _foot(self, prediction: Prediction) -> Text:
        heard = "silence" if prediction.is_silence else " + ".join(prediction.chosen) or "unsure"
        if len(prediction.chosen) == 1:
            heard += f" {prediction.probs[prediction.chosen[0]]:.2f}"
        now = prediction.running
        foot = Text.assemble(
            ("now ", "dim"), (now.genre, STYLES[now.state]), ("   last chunk ", "dim"), heard,
            ("   level ", "dim"), f"{prediction.level_db:.0f} dB", ("   vote ", "dim"), now.rule,
        )  # fmt: skip
        foot.truncate(self._console.width, overflow="ellipsis")
        return foot

    def _summary(self) -> Table:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("file", "genre", "prob", "votes"):
            table.add_column(name, no_wrap=True)
        table.add_column("length", overflow="fold")
        room = max(16, self._console.width - 50)
        for row in self._done:
            genre = shortened(row.genre, 20)
            genre.stylize(STYLES[row.state])
            table.add_row(shortened(row.source, room), genre, row.probability, row.votes, Text(printable(row.note)))
        return table


def shortened(name: str, width: int) -> Text:
    """Return a name that may be shown, its end if it is too long: the end tells files apart."""
    name = printable(name)
    return Text(name if len(name) <= width else f"…{name[len(name) - max(1, width - 1) :]}", no_wrap=True)
