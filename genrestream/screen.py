"""The live screen: bars of the running probabilities while a file plays through the model."""

import time

from rich.bar import Bar
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from genrestream.predictions import Prediction, Verdict
from genrestream.text import clock, printable, verdict_in_words, votes_in_words

N_BARS = 10
STYLES = {"music": "bold green", "unsure": "yellow", "silence": "dim", "failed": "bold red"}


class Screen:
    """A live view of one source after another, a line for each that is done, a table of them all at the end."""

    def __init__(self, n_sources: int, console: Console | None = None):
        self._console = console or Console(highlight=False)
        self._n_sources = n_sources
        self._done: list[tuple[str, str, str, str, str]] = []
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
        self._console.print(Text(f"{verdict_in_words(verdict)} at {speed:.0f}x", STYLES[final.state]), soft_wrap=True)
        votes = votes_in_words(final) if final.n_votes else ""
        probability = f"{final.probability:.2f}" if final.n_votes else ""
        note = "; ".join(verdict.problems) or clock(verdict.duration_s)
        self._done.append((verdict.source, final.state, verdict.genre, probability, f"{votes}|{note}"))

    def error(self, source: str, message: str) -> None:
        """Note a source that failed; the run prints why."""
        self._end()
        self._done.append((source, "failed", "failed", "", f"|{message.removeprefix(f'{source}: ')}"))

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
        place = f"[{len(self._done) + 1}/{self._n_sources}] " if self._n_sources > 1 else ""
        head = Text.assemble(
            (f"{place}{printable(source)}  ", "bold"),
            f"{clock(prediction.end_s)}{total}  {prediction.end_s / elapsed_s:.0f}x",
        )
        head.truncate(self._console.width, overflow="ellipsis")
        bars = Table.grid(padding=(0, 1), expand=True)
        for name, options in {"label": {}, "bar": {"ratio": 1}, "prob": {}, "votes": {"justify": "right"}}.items():
            bars.add_column(name, no_wrap=True, **options)
        for label, prob in running.ranked(N_BARS):
            style = STYLES["music"] if label in running.genres else "cyan"
            votes = f"{running.votes[label]}/{running.n_votes}"
            bars.add_row(Text(label, style), Bar(1.0, 0.0, prob, color=style.split()[-1]), f"{prob:.2f}", votes)
        return Group(head, bars, self._foot(prediction))

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
        table.add_column("file", overflow="ellipsis", no_wrap=True, ratio=1)
        for name in ("genre", "prob", "votes"):
            table.add_column(name, no_wrap=True)
        table.add_column("length", overflow="fold")
        for source, state, genre, probability, rest in self._done:
            votes, note = rest.split("|", 1)
            table.add_row(
                Text(printable(source)), Text(genre, STYLES[state]), probability, votes, Text(printable(note))
            )
        return table
