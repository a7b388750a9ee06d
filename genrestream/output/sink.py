"""What every output has in common: it is given predictions, events and verdicts in the order of the stream."""

from collections.abc import Callable

from genrestream.streaming.predictions import Prediction, Verdict
from genrestream.streaming.status import Event, Status


def no_position() -> float:
    """Return 0: the position in a stream where nobody knows it."""
    return 0.0


class Sink:
    """An output of a run. A subclass overrides what it shows or writes; the rest does nothing."""

    def begin(self, source: str, duration_s: float | None, position_s: Callable[[], float] = no_position) -> None:
        """Start a source.

        Args:
            source: Its name.
            duration_s: The length that its header claims, in seconds; None where it claims none.
            position_s: Returns how many seconds of it were processed so far.
        """

    def chunk(self, source: str, prediction: Prediction) -> None:
        """Take the prediction of a chunk."""

    def event(self, source: str, event: Event) -> None:
        """Take something that happened to a run."""

    def show(self, status: Status) -> None:
        """Take the status of a live run, which comes after each tick."""

    def verdict(self, verdict: Verdict) -> None:
        """Take the verdict on a source, its last word."""

    def error(self, source: str, message: str) -> None:
        """Take the reason why a source could not be classified, its last word."""

    def close(self) -> None:
        """Finish the output."""
