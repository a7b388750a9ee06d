"""Which results are written: all, verdicts only, or a chunk only where the answer changes."""

from collections.abc import Callable

from genrestream.output.sink import Sink, no_position
from genrestream.streaming.predictions import Prediction, Verdict
from genrestream.streaming.status import Event


class VerdictsOnly(Sink):
    """Hands on verdicts and errors, and nothing else."""

    def __init__(self, sink: Sink):
        self._sink = sink

    def verdict(self, verdict: Verdict) -> None:
        """Hand on a verdict."""
        self._sink.verdict(verdict)

    def error(self, source: str, message: str) -> None:
        """Hand on an error."""
        self._sink.error(source, message)

    def close(self) -> None:
        """Close the output."""
        self._sink.close()


class OnChange(VerdictsOnly):
    """Hands on a chunk only where the running answer is another one than before it; and all that is no chunk."""

    def __init__(self, sink: Sink):
        super().__init__(sink)
        self._answers: dict[str, tuple[str, ...]] = {}  # by source

    def begin(self, source: str, duration_s: float | None, position_s: Callable[[], float] = no_position) -> None:
        """Start a source."""
        self._answers[source] = ()
        self._sink.begin(source, duration_s, position_s)

    def chunk(self, source: str, prediction: Prediction) -> None:
        """Hand on a chunk after which the answer is another one."""
        answer = prediction.running.state, *prediction.running.genres
        if answer != self._answers.get(source):
            self._answers[source] = answer
            self._sink.chunk(source, prediction)

    def event(self, source: str, event: Event) -> None:
        """Hand on what happened to a run."""
        self._sink.event(source, event)
