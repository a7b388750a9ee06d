"""Plain text for screen readers and simple terminals: a line for each change of the answer."""

from collections.abc import Callable
from typing import TextIO

from genrestream.output.sink import Sink, no_position
from genrestream.output.text import answer_in_words, clock, printable, verdict_in_words
from genrestream.streaming.predictions import Prediction, Verdict
from genrestream.streaming.status import LIVE, Event, LiveState, Status, state_after


class Changes(Sink):
    """A line where the answer or the state changes, a closing line a source.

    Args:
        file: Where the lines go.
        n_sources: How many sources there will be; the names of several are printed.
    """

    def __init__(self, file: TextIO, n_sources: int):
        self._file, self._n_sources = file, n_sources
        self._last: frozenset[str] = frozenset()
        self._is_live = False

    def begin(self, source: str, duration_s: float | None, position_s: Callable[[], float] = no_position) -> None:
        """Start a source."""
        self._last = frozenset()
        if self._n_sources > 1:
            self._print(printable(source))

    def chunk(self, source: str, prediction: Prediction) -> None:
        """Print the answer where it is another than before; of a live run the status has it."""
        if not self._is_live:
            self._tell(prediction.end_s, state_after(prediction), prediction)

    def show(self, status: Status) -> None:
        """Print the state or the answer of a live run where it is another than before."""
        self._is_live = True
        if status.prediction and status.state != "nothing":
            self._tell(status.time_s, status.state, status.prediction)

    def event(self, source: str, event: Event) -> None:
        """Print what happened to a live run."""
        is_told = event.state in LIVE or event.state in ("nothing", event.message)
        self._line(event.time_s, event.message if is_told else f"{event.state}: {event.message}")
        if event.state not in LIVE:
            self._last = frozenset([event.state])

    def _tell(self, time_s: float, state: LiveState, prediction: Prediction) -> None:
        running = prediction.running
        named = running.genres if state == "music" else (state,)
        if self._last == frozenset(named):
            return
        self._last = frozenset(named)
        self._line(time_s, answer_in_words(running) if state == running.state else state)

    def _line(self, time_s: float, words: str) -> None:
        self._print(f"{clock(time_s, tenths=False)} {printable(words)}")

    def verdict(self, verdict: Verdict) -> None:
        """Print a verdict."""
        self._print(verdict_in_words(verdict))

    def _print(self, line: str) -> None:
        print(line, file=self._file, flush=True)
