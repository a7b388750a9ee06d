"""Results in words: a line for each chunk and each verdict; and text that is safe for a terminal or a spreadsheet."""

import unicodedata
from collections.abc import Callable
from typing import Any, TextIO

from genrestream.output.sink import Sink, no_position
from genrestream.streaming.predictions import Decision, Prediction, Verdict
from genrestream.streaming.status import Event

NO_MUSIC = {
    "silence": "silence: nothing loud enough to name a genre", "speech": "speech, not music",
    "noise": "noise, not music", "nothing": "nothing was classified",
}  # fmt: skip
MAX_SHOWN = 20  # stretches of a mix in one line
# What begins like a formula; the last four are the full-width forms.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def printable(text: str) -> str:
    """Return the text with control characters shown, not obeyed: a file's name must not drive the terminal."""
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def clock(seconds: float, tenths: bool = True) -> str:
    """Return a time in the stream as m:ss.s, or m:ss without tenths, or h:mm:ss."""
    minutes, rest_s = divmod(round(seconds, 1) if tenths else int(seconds), 60)
    if minutes < 60:
        return f"{int(minutes)}:{rest_s:04.1f}" if tenths else f"{minutes}:{rest_s:02}"
    return f"{int(minutes // 60)}:{int(minutes % 60):02}:{int(rest_s):02}"


def answer_in_words(decision: Decision) -> str:
    """Return the answer, such as ``rock 0.71``, ``unsure, rock leads with 0.40`` or ``silence``."""
    if decision.state == "music":
        return " + ".join(f"{label} {decision.probs[label]:.2f}" for label in decision.genres)
    if decision.state == "unsure" and decision.n_votes:
        return f"unsure, {decision.leader} leads with {decision.probability:.2f}"
    return decision.state


def votes_in_words(decision: Decision) -> str:
    """Return the leader's share of the votes, such as ``rock 7/10``, or ``rock 7/10 since 0:41``."""
    since = f" since {clock(decision.since_s, tenths=False)}" if decision.since_s else ""
    return f"{decision.leader} {decision.votes[decision.leader]}/{decision.n_votes}{since}"


def last_chunk_in_words(prediction: Prediction) -> str:
    """Return what one chunk alone says, such as ``rock 0.71``."""
    if prediction.kind != "music":
        return prediction.kind
    return " + ".join(f"{label} {prediction.probs[label]:.2f}" for label in prediction.chosen) or "unsure"


def in_words(prediction: Prediction) -> str:
    """Return one chunk's line."""
    alone = last_chunk_in_words(prediction)
    running = prediction.running
    ranked = ", ".join(f"{label} {prob:.2f}" for label, prob in running.ranked(3)) if running.n_votes else "no votes"
    notes = f" | padded {prediction.padded_s:.1f} s" if prediction.padded_s >= 0.1 else ""
    votes = f"{running.rule}, {votes_in_words(running)}" if running.n_votes else running.rule
    return f"{clock(prediction.start_s):>8}  {alone:<20} | {running.genre}: {ranked} | {votes}{notes}"


def event_in_words(event: Event) -> str:
    """Return the state and what happened, such as ``no input: the microphone is gone``; where they are one, once."""
    message = printable(event.message)
    return message if message == event.state else f"{event.state}: {message}"


def verdict_in_words(verdict: Verdict) -> str:
    """Return a stream's closing line."""
    if verdict.final.state == "mix":
        return f"{printable(verdict.source)}: {_mix_in_words(verdict)}"
    final = verdict.final
    named = NO_MUSIC.get(final.state) or answer_in_words(final)
    if final.state == "silence" and final.n_votes:
        named = "silence nearly throughout"
    counts = {"silent": verdict.n_silent, "speech": verdict.n_speech, "noise": verdict.n_noise}
    others = "".join(f", {count} {kind}" for kind, count in counts.items() if count)
    dropped = f", last {verdict.dropped_s:.1f} s dropped" if verdict.dropped_s >= 0.1 else ""
    padded = f", last chunk padded by {verdict.padded_s:.1f} s" if verdict.padded_s >= 0.1 else ""
    votes = f"votes {votes_in_words(final)}, {final.rule}; " if final.n_votes else ""
    lasted = f"; {_lasted_in_words(verdict)}" if len(verdict.seconds) > 1 else ""
    return f"{printable(verdict.source)}: {named} ({votes}{_length(verdict)}{others}{padded}{dropped}{lasted})"


def _lasted_in_words(verdict: Verdict) -> str:
    """Return how long each genre and state lasted, such as ``silence 15:29, country 1:39``."""
    return ", ".join(f"{name} {clock(seconds, tenths=False)}" for name, seconds in verdict.seconds.items())


def _mix_in_words(verdict: Verdict) -> str:
    """Return the stretches of a mix, and how long each genre lasted."""
    shown = verdict.segments[:MAX_SHOWN]
    stretches = [f"{clock(one.start_s, tenths=False)}-{clock(one.end_s, tenths=False)} {one.genre}" for one in shown]
    more = [f"and {len(verdict.segments) - len(shown)} more"] if len(verdict.segments) > len(shown) else []
    return f"mix: {', '.join([*stretches, *more])} ({_lasted_in_words(verdict)}; {_length(verdict)})"


def _length(verdict: Verdict) -> str:
    return f"{clock(verdict.duration_s)} in {verdict.n_chunks} chunk{'s' * (verdict.n_chunks != 1)}"


def cell(value: Any) -> Any:
    r"""Return a value for a CSV cell: a file's name must not become a spreadsheet's formula.

    Control characters in text are written as escapes (``\x1b``), and text that begins like a formula (``=``, ``+``,
    ``-``, ``@``, tab or carriage return) gets a ``'`` before it, which spreadsheets do not show. Numbers stay.
    """
    if not isinstance(value, str):
        return value
    shown = "".join(_escaped(char) if unicodedata.category(char) == "Cc" else char for char in value)
    return f"'{shown}" if value.startswith(FORMULA) and len(value) > 1 else shown


def cells(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with each value as ``cell`` returns it."""
    return {name: cell(value) for name, value in row.items()}


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()


class Lines(Sink):
    """Plain text for pipes and logs: a line a chunk, a closing line a source.

    Args:
        file: Where the lines go.
        n_sources: How many sources there will be; the names of several are printed.
        is_interleaved: Whether they run at the same time, so that each line needs the name.
    """

    def __init__(self, file: TextIO, n_sources: int, is_interleaved: bool = False):
        self._file, self._n_sources, self._is_interleaved = file, n_sources, is_interleaved

    def begin(self, source: str, duration_s: float | None, position_s: Callable[[], float] = no_position) -> None:
        """Start a source."""
        if self._n_sources > 1 and not self._is_interleaved:
            self._print(printable(source))

    def chunk(self, source: str, prediction: Prediction) -> None:
        """Print a chunk."""
        self._print(self._named(source) + in_words(prediction))

    def event(self, source: str, event: Event) -> None:
        """Print what happened to a live run."""
        self._print(f"{self._named(source)}{clock(event.time_s):>8}  {event_in_words(event)}")

    def verdict(self, verdict: Verdict) -> None:
        """Print a verdict."""
        self._print(verdict_in_words(verdict))

    def _named(self, source: str) -> str:
        return f"{printable(source)}: " if self._is_interleaved else ""

    def _print(self, line: str) -> None:
        print(line, file=self._file, flush=True)
