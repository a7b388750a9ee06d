"""The live screen of ``genrestream listen``: what plays, how sure that is, what played before, and how the input is."""

import time
from collections.abc import Callable

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from genrestream.output.colours import colour, text_colour
from genrestream.output.sink import Sink, no_position
from genrestream.output.terminal import big_letters
from genrestream.output.terminal.bars import Bars
from genrestream.output.terminal.console import Terminal, console_of, glyphs_of
from genrestream.output.terminal.lines import STYLES, Frame, Line, cut, joined, shortened, size_of, width_of
from genrestream.output.terminal.meter import Meter
from genrestream.output.terminal.strip import Strip
from genrestream.output.text import clock, last_chunk_in_words, verdict_in_words, votes_in_words
from genrestream.streaming.predictions import Prediction, Verdict
from genrestream.streaming.status import LIVE, Event, Status

FRAME_S = 0.125
WORDS = {"nothing": "starting"}
# What a low terminal shows first, and in which order it stands on the screen; the rest of the height goes to the bars.
BY_IMPORTANCE = ("answer", "state", "strip", "times", "header", "level", "facts")
ORDER = ("header", "answer", "state", "bars", "strip", "times", "level", "facts")
# Parts that get an empty row before or after them, in this order, as long as ten bars have room.
SPACED = {"strip": "before", "header": "after", "answer": "after", "state": "after"}
N_BARS = 10
NAMED_FROM = 60  # cells of a terminal that has room to say what each figure is
ANSWER_SHARE = 4  # the answer takes about a quarter of the height
MARGIN = (" ", "")


class LiveScreen(Sink):
    """A full-screen view, drawn anew up to eight times a second; the terminal is given back as it was.

    Args:
        model: The model's name.
        terminal: Where to draw; standard output where None.
        console: The console to draw with, in its place.
    """

    def __init__(self, model: str, terminal: Terminal | None = None, console: Console | None = None):
        self._model, self.source = model, ""
        self._console = console or console_of(terminal)
        self._glyphs = glyphs_of(self._console)
        has_colours = self._console.color_system is not None and not self._console.no_color
        self._frame = Frame(self._console)
        self._strip, self._meter, self._bars = Strip(self._glyphs, has_colours), Meter(self._glyphs), Bars(self._glyphs)
        self._drawn_s = 0.0
        self._lost_at_s: tuple[float, float] | None = None  # when the input was lost: in the stream, by the clock

    def begin(self, source: str, duration_s: float | None, position_s: Callable[[], float] = no_position) -> None:
        """Take over the terminal."""
        self.source = source
        self._frame.open()
        self.show(Status())

    def show(self, status: Status) -> None:
        """Draw the run as it stands, where the last frame is old enough."""
        if self._frame.is_open and time.monotonic() - self._drawn_s >= FRAME_S:
            self.draw(status)

    def draw(self, status: Status) -> None:
        """Draw the run as it stands."""
        self._drawn_s = time.monotonic()
        self._frame.draw(self.view(status))

    def chunk(self, source: str, prediction: Prediction) -> None:
        """Draw at once: an answer is not held back for the next frame."""
        self._strip.take(prediction)
        self._drawn_s = 0.0

    def event(self, source: str, event: Event) -> None:
        """Draw at once; the status holds the event's words."""
        self._drawn_s = 0.0

    def verdict(self, verdict: Verdict) -> None:
        """Give the terminal back and print the closing line."""
        self.close()
        words = self._glyphs.shown(verdict_in_words(verdict))
        self._console.print(Text(words, STYLES[verdict.final.state]), soft_wrap=True)

    def error(self, source: str, message: str) -> None:
        """Give the terminal back; the run prints why."""
        self.close()

    def close(self) -> None:
        """Give the terminal back."""
        self._frame.close()

    def view(self, status: Status) -> list[Line]:
        """Return the whole screen: as many lines as the terminal has rows, each as wide as it is."""
        width, height = size_of(self._console)
        now_s = self._now_s(status)
        self._strip.until(now_s, status.state, status.prediction)
        parts = self._parts(status, now_s, width, height)
        if (room := height - sum(map(len, parts.values()))) > 0:
            parts["bars"] = self._body(status, width, room)
        lines = [line for name in ORDER for line in parts.get(name, [])]
        return [cut(line, width) for line in lines[:height]]

    def _now_s(self, status: Status) -> float:
        """Return the time in the stream; while the input is lost, the clock goes on."""
        if status.state != "no input":
            self._lost_at_s = None
            return status.time_s
        self._lost_at_s = self._lost_at_s or (status.time_s, time.monotonic())
        return max(status.time_s, self._lost_at_s[0] + time.monotonic() - self._lost_at_s[1])

    def _parts(self, status: Status, now_s: float, width: int, height: int) -> dict[str, list[Line]]:
        """Return all but the bars."""
        strip, times = self._strip.rows(width - 2)
        n_rows = big_letters.n_rows((height + 1) // ANSWER_SHARE, self._glyphs.is_ascii)
        meter = self._meter.line(status.level_db, status.peak_db, status.is_clipped, time.monotonic(), width)
        parts: dict[str, list[Line]] = {
            "header": [self._header(status, now_s, width)],
            "answer": self._answer(status, width, n_rows),
            "state": [joined(_state(status, width >= NAMED_FROM), width - 1)],
            "strip": [(MARGIN, *strip)], "times": [(MARGIN, *times)], "level": [meter],
            "facts": [self._foot(status, width)],
        }  # fmt: skip
        parts = {name: parts[name] for name in BY_IMPORTANCE[:height]}
        for name in SPACED:
            if height - sum(map(len, parts.values())) > N_BARS:
                parts[name] = [(), *parts[name]] if SPACED[name] == "before" else [*parts[name], ()]
        return parts

    def _header(self, status: Status, now_s: float, width: int) -> Line:
        right: Line = ((self._glyphs.shown(self._model), "dim"), (f"  {clock(now_s, tenths=False)} ", "bold"))
        title = status.title
        room = width - width_of(right) - 3
        source = shortened(f"{self.source}  {title}" if title else self.source, room, self._glyphs)
        return ((f" {source}", "bold"), (" " * (room + 2 - cell_len(source)), ""), *right)

    def _answer(self, status: Status, width: int, n_rows: int) -> list[Line]:
        """Return what plays now in large letters, or in plain ones where they do not fit."""
        word, style, figure, asides = _answer(status)
        word, asides = self._glyphs.shown(word), [self._glyphs.shown(aside) for aside in asides]
        room, pad = width - 2, " " * (1 + n_rows // 5)
        large = big_letters.drawn(word, room - 2 * len(pad), n_rows, self._glyphs.is_ascii) if n_rows > 1 else None
        if large is None:
            beside = "".join(f"  {aside}" for aside in asides)
            line: Line = ((f" {word} ", style), (f"  {figure}" if figure else "", "bold"), (beside, ""))
            return [()] * ((n_rows - 1) // 2) + [line] + [()] * (n_rows // 2)
        large = [f"{pad}{row}{pad}" for row in large]
        beside = self._beside(figure, asides, room - len(large[0]) - 2, len(large))
        rows: list[Line] = [
            ((row, style.removeprefix("bold ")), ("  ", ""), *more) for row, more in zip(large, beside, strict=True)
        ]
        above = (n_rows - len(rows)) // 2
        return [()] * above + rows + [()] * (n_rows - len(rows) - above)

    def _beside(self, figure: str, asides: list[str], room: int, n_rows: int) -> list[Line]:
        """Return what stands beside the large word: the probability as large as it, or small above more words."""
        drawn = None if asides else big_letters.drawn(figure, room, n_rows, self._glyphs.is_ascii)
        if drawn and len(drawn) == n_rows:
            return [((row, ""),) for row in drawn]
        words = [text for text in (figure, *asides) if text and cell_len(text) <= room][: n_rows - 1]
        rows: list[Line] = [((text, "bold" if text == figure else ""),) for text in words]
        above = (n_rows - len(rows)) // 2
        return [()] * above + rows + [()] * (n_rows - len(rows) - above)

    def _foot(self, status: Status, width: int) -> Line:
        if status.notice and status.notice not in STYLES:  # a state's name is on the screen as it is
            return ((f" {self._glyphs.shown(status.notice)}", "bold yellow"),)
        return joined(_facts(status), width - 1)

    def _body(self, status: Status, width: int, height: int) -> list[Line]:
        if status.prediction is None:
            rows: list[Line] = [((" the first answer comes after 3 seconds", "dim"),)]
        else:
            rows = self._bars.rows(status.prediction.running, width, height, status.state not in LIVE)
        return rows + [()] * (height - len(rows))


def _answer(status: Status) -> tuple[str, str, str, list[str]]:
    """Return what plays now: a word, its style, its probability, and what stands beside it."""
    prediction = status.prediction
    if prediction and status.state == "unsure" and prediction.running.n_votes:
        leader, prob = prediction.running.leader, prediction.running.probability
        return "unsure", STYLES["unsure"], "", [f"{leader} leads with {prob:.2f}"]
    if not prediction or status.state != "music" or not prediction.running.genres:
        return WORDS.get(status.state, status.state), STYLES[status.state], "", []
    first, *others = prediction.running.genres
    more = [f"+ {label} {prediction.running.probs[label]:.2f}" for label in others]
    return (
        first,
        f"bold {text_colour(colour(first))} on {colour(first)}",
        f"{prediction.running.probs[first]:.2f}",
        more,
    )


def _state(status: Status, has_room: bool) -> list[Line]:
    """Return the state, its probability, the votes and the last chunk, as facts."""
    prediction = status.prediction
    facts: list[Line] = [((f" {WORDS.get(status.state, status.state)}", STYLES[status.state]),)]
    if prediction and status.state in LIVE and prediction.running.n_votes:
        facts.append(((f"{prediction.running.probability:.2f}", "bold"),))
        facts.append((("votes " if has_room else "", "dim"), (votes_in_words(prediction.running), "")))
    if prediction and status.state != "no input":
        facts.append((("last chunk ", "dim"), (last_chunk_in_words(prediction), "")))
    return facts


def _facts(status: Status) -> list[Line]:
    delay = "-" if status.delay_s is None else f"{1000 * status.delay_s:.0f} ms"
    rule = [((f"vote {status.prediction.running.rule}", "dim"),)] if status.prediction else []
    return [
        ((" Ctrl-C ends", "dim"),),
        (("delay ", "dim"), (delay, "")),
        (("dropped ", "dim"), (str(status.n_dropped), "bold red" if status.n_dropped else "")),
        ((f"an answer each {status.hop_s:g} s", "dim"),),
        *rule,
    ]
