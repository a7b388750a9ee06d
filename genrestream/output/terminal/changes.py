"""Plain text for screen readers and simple terminals: a line for each change of the answer."""

from collections.abc import Callable
from typing import TextIO

from genrestream.output.sink import no_position
from genrestream.output.text import Lines, answer_in_words, clock, event_in_words, printable
from genrestream.streaming.predictions import Prediction
from genrestream.streaming.status import LIVE, Event, LiveState, Status, state_after


class Changes(Lines):
    """A line where the answer or the state changes, a closing line a source.

    Args:
        file: Where the lines go.
        n_sources: How many sources there will be; the names of several are printed.
        is_interleaved: Whether they run at the same time, so that each line needs the name.
    """

    def __init__(self, file: TextIO, n_sources: int, is_interleaved: bool = False):
        super().__init__(file, n_sources, is_interleaved)
        self._last: dict[str, frozenset[str]] = {}  # by source
        self._is_live = False

    def begin(self, source: str, duration_s: float | None, position_s: Callable[[], float] = no_position) -> None:
        """Start a source."""
        self._last[source] = frozenset()
        super().begin(source, duration_s, position_s)

    def chunk(self, source: str, prediction: Prediction) -> None:
        """Print the answer where it is another than before; of a live run the status has it."""
        if not self._is_live:
            self._tell(source, prediction.end_s, state_after(prediction), prediction)

    def show(self, status: Status) -> None:
        """Print the state or the answer of a live run where it is another than before."""
        self._is_live = True
        if status.prediction and status.state != "nothing":
            self._tell(status.source, status.time_s, status.state, status.prediction)

    def event(self, source: str, event: Event) -> None:
        """Print what happened to a live run."""
        is_told = event.state in LIVE or event.state == "nothing"
        self._line(source, event.time_s, event.message if is_told else event_in_words(event))
        if event.state not in LIVE:
            self._last[source] = frozenset([event.state])

    def _tell(self, source: str, time_s: float, state: LiveState, prediction: Prediction) -> None:
        running = prediction.running
        named = running.genres if state == "music" else (state,)
        if self._last.get(source) == frozenset(named):
            return
        self._last[source] = frozenset(named)
        self._line(source, time_s, answer_in_words(running) if state == running.state else state)

    def _line(self, source: str, time_s: float, words: str) -> None:
        self._print(f"{self._named(source)}{clock(time_s, tenths=False)} {printable(words)}")
