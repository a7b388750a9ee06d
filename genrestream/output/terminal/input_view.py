"""One input on the live screen: what plays, how sure that is, what played before, and how the input is."""

import time

from rich.cells import cell_len

from genrestream.output.colours import colour, text_colour
from genrestream.output.terminal import big_letters
from genrestream.output.terminal.bars import Bars
from genrestream.output.terminal.console import Glyphs
from genrestream.output.terminal.lines import STYLES, Line, cut, joined, shortened, width_of
from genrestream.output.terminal.meter import Meter
from genrestream.output.terminal.strip import Strip
from genrestream.output.text import clock, last_chunk_in_words, votes_in_words
from genrestream.streaming.predictions import Prediction
from genrestream.streaming.status import LIVE, Status

WORDS = {"nothing": "starting"}
# What a low view shows first, and in which order it stands on the screen; the rest of the height goes to the bars.
BY_IMPORTANCE = ("answer", "state", "strip", "times", "header", "level", "facts")
AMONG_OTHERS = ("header", "answer", "strip", "state", "times", "level", "facts")
ORDER = ("header", "answer", "state", "bars", "strip", "times", "level", "facts")
# Parts that get an empty row before or after them, in this order, as long as ten bars have room.
SPACED = {"strip": "before", "header": "after", "answer": "after", "state": "after"}
N_BARS = 10
NAMED_FROM = 60  # cells of a terminal that has room to say what each figure is
ANSWER_SHARE = 4  # the answer takes about a quarter of the height
MARGIN = (" ", "")


class InputView:
    """The rows of one input.

    Args:
        model: The model's name.
        glyphs: The characters to draw with.
        has_colours: Whether genres can be told apart by colour.
    """

    def __init__(self, model: str, glyphs: Glyphs, has_colours: bool):
        self._model, self._glyphs = model, glyphs
        self._strip, self._meter, self._bars = Strip(glyphs, has_colours), Meter(glyphs), Bars(glyphs)
        self._lost_at_s: tuple[float, float] | None = None  # when the input was lost: in the stream, by the clock

    def take(self, prediction: Prediction) -> None:
        """Take an answer."""
        self._strip.take(prediction)

    def rows(self, status: Status, width: int, height: int, is_alone: bool = True) -> list[Line]:
        """Return so many rows, each of this width.

        Args:
            status: The run as it stands.
            width: Cells of a row.
            height: How many rows there are.
            is_alone: Whether no other input is on the screen; beside others, the name comes first.
        """
        now_s = self._now_s(status)
        self._strip.until(now_s, status.state, status.prediction)
        if not is_alone and height == 1:
            return [cut(self._only_row(status, width), width)]
        parts = self._parts(status, now_s, width, height, BY_IMPORTANCE if is_alone else AMONG_OTHERS)
        if not is_alone:  # the name's row divides the inputs
            parts["header"] = [tuple((text, f"{style} reverse") for text, style in line) for line in parts["header"]]
        if (room := height - sum(map(len, parts.values()))) > 0:
            parts["bars"] = self._body(status, width, room)
        lines = [line for name in ORDER for line in parts.get(name, [])]
        return [cut(line, width) for line in lines[:height]]

    def _only_row(self, status: Status, width: int) -> Line:
        """Return the name and the answer in one row."""
        word, style, figure, asides = _answer(status)
        n_name = max(1, width // 3)
        name = shortened(status.source, n_name, self._glyphs)
        answer = f" {self._glyphs.shown(word)} "
        beside = "".join(f"  {self._glyphs.shown(aside)}" for aside in asides)
        return ((f" {name}".ljust(n_name + 2), ""), (answer, style), (f"  {figure}", "bold"), (beside, ""))

    def _now_s(self, status: Status) -> float:
        """Return the time in the stream; while the input is lost, the clock goes on."""
        if status.state != "no input":
            self._lost_at_s = None
            return status.time_s
        self._lost_at_s = self._lost_at_s or (status.time_s, time.monotonic())
        return max(status.time_s, self._lost_at_s[0] + time.monotonic() - self._lost_at_s[1])

    def _parts(
        self, status: Status, now_s: float, width: int, height: int, importance: tuple[str, ...]
    ) -> dict[str, list[Line]]:
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
        parts = {name: parts[name] for name in importance[:height]}
        for name in SPACED:
            if height - sum(map(len, parts.values())) > N_BARS:
                parts[name] = [(), *parts[name]] if SPACED[name] == "before" else [*parts[name], ()]
        return parts

    def _header(self, status: Status, now_s: float, width: int) -> Line:
        right: Line = ((self._glyphs.shown(self._model), "dim"), (f"  {clock(now_s, tenths=False)} ", "bold"))
        title = status.title
        room = width - width_of(right) - 3
        source = shortened(f"{status.source}  {title}" if title else status.source, room, self._glyphs)
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
