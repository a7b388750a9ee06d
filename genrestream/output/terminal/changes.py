"""Plain text for screen readers and simple terminals: a line for each change of the answer."""

from collections.abc import Callable
from typing import TextIO

from genrestream.output.sink import Sink, no_position
from genrestream.output.text import clock, printable, verdict_in_words
from genrestream.streaming.predictions import Prediction, Verdict
from genrestream.streaming.status import Event, state_after


class Changes(Sink):
    """A line where the answer or the state changes, a closing line a source.

    Args:
        file: Where the lines go.
        n_sources: How many sources there will be; the names of several are printed.
    """

    def __init__(self, file: TextIO, n_sources: int):
        self._file, self._n_sources = file, n_sources
        self._last: frozenset[str] = frozenset()

    def begin(self, source: str, duration_s: float | None, position_s: Callable[[], float] = no_position) -> None:
        """Start a source."""
        self._last = frozenset()
        if self._n_sources > 1:
            self._print(printable(source))

    def chunk(self, source: str, prediction: Prediction) -> None:
        """Print the answer where it is another than before."""
        running, state = prediction.running, state_after(prediction)
        named = running.genres if state == "music" else (state,)
        if self._last != frozenset(named):
            self._last = frozenset(named)
            words = " + ".join(f"{label} {running.probs[label]:.2f}" for label in named) if state == "music" else state
            if state == "unsure":
                words += f", {running.leader} leads with {running.probability:.2f}"
            self._print(f"{clock(prediction.end_s, tenths=False)} {words}")

    def event(self, source: str, event: Event) -> None:
        """Print what happened to a live run."""
        self._last = frozenset([event.state]) if event.state != "music" else self._last
        self._print(f"{clock(event.time_s, tenths=False)} {event.state}: {printable(event.message)}")

    def verdict(self, verdict: Verdict) -> None:
        """Print a verdict."""
        self._print(verdict_in_words(verdict))

    def _print(self, line: str) -> None:
        print(line, file=self._file, flush=True)
