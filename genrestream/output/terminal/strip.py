"""The strip of the last minutes: which genre played when, filtered by the vote."""

import collections
import itertools
import math

from rich.cells import set_cell_size

from genrestream.output.colours import colour, text_colour
from genrestream.output.terminal.console import Glyphs
from genrestream.output.terminal.lines import Line, cut
from genrestream.output.text import clock
from genrestream.streaming.predictions import Prediction
from genrestream.streaming.status import LiveState, state_after

SHOWN_S = 180  # at least so much is to be seen
CELLS_S = (1, 2, 3, 5, 10, 15, 30, 60)  # how long a cell may be
TIMES_S = (10, 15, 30, 60, 120, 300, 600, 1800)  # and the distance of two times under them
TIME_CELLS = 10  # cells between two times, at the least
KEPT_S = 1024
Mark = tuple[str, bool]  # a genre or a state, and whether it is a genre
NOTHING: Mark = ("nothing", False)
MEASURED: tuple[Mark, ...] = (("silence", False), ("no input", False))  # which no answer changes


class Strip:
    """What was on in each of the last seconds.

    Args:
        glyphs: The characters to draw with.
        has_colours: Whether genres can be told apart by colour; else every other stretch is drawn in reverse.
    """

    def __init__(self, glyphs: Glyphs, has_colours: bool):
        self._glyphs, self._has_colours = glyphs, has_colours
        self._marks: collections.deque[Mark] = collections.deque(maxlen=KEPT_S)
        self._n_seconds = 0  # the marks are those of the last of so many seconds
        self._drawn: tuple[int, list[Line]] = (0, [])

    def until(self, now_s: float, state: LiveState, prediction: Prediction | None) -> None:
        """Fill the seconds up to now.

        Args:
            now_s: The time in the stream.
            state: What is on.
            prediction: The latest answer, which names the genre.
        """
        n_new = math.ceil(now_s) - self._n_seconds
        if n_new > 0:
            self._marks.extend([_mark(state, prediction)] * min(n_new, KEPT_S))
            self._n_seconds += n_new
            self._drawn = (0, [])

    def take(self, prediction: Prediction) -> None:
        """Take an answer: it is about more than now, as a change is noticed a little late."""
        state = state_after(prediction)
        self.until(prediction.end_s, state, prediction)
        began_s = _began_s(prediction, state)
        if began_s is None:
            return
        first = self._n_seconds - len(self._marks)
        for second in range(max(first, round(began_s)), self._n_seconds):
            if self._marks[second - first] not in MEASURED:
                self._marks[second - first] = _mark(state, prediction)
        self._drawn = (0, [])

    def rows(self, width: int) -> list[Line]:
        """Return the strip, and under it a row of times."""
        if self._drawn[0] != width:
            cell_s = next((one for one in CELLS_S if width * one >= SHOWN_S), CELLS_S[-1])
            cells = self._cells(width, cell_s)
            first = max(0, math.ceil(self._n_seconds / cell_s) - width)
            self._drawn = width, [cut(self._stretches(cells), width), _times(first, len(cells), width, cell_s)]
        return self._drawn[1]

    def _cells(self, width: int, cell_s: int) -> list[Mark]:
        """Return what was on for most of each cell's seconds; cells begin at whole multiples of their length."""
        first = self._n_seconds - len(self._marks)
        numbered = itertools.groupby(enumerate(self._marks, first), lambda second: second[0] // cell_s)
        cells = [collections.Counter(mark for _, mark in seconds).most_common(1)[0][0] for _, seconds in numbered]
        n_missing = min(width, math.ceil(self._n_seconds / cell_s)) - len(cells)
        return [*[NOTHING] * n_missing, *cells][-width:]

    def _stretches(self, cells: list[Mark]) -> Line:
        line = []
        for number, ((name, is_genre), stretch) in enumerate(itertools.groupby(cells)):
            n_cells = len(list(stretch))
            text = self._genre(name, n_cells) if is_genre else self._state(name, n_cells)
            line.append((text, self._style(name, is_genre, number)))
        return tuple(line)

    def _genre(self, name: str, n_cells: int) -> str:
        """Return a stretch with the genre's name in it, or its first letters where there is no room."""
        name = self._glyphs.shown(name)
        return f" {name}".ljust(n_cells) if len(name) + 1 < n_cells else set_cell_size(name, n_cells)

    def _state(self, name: str, n_cells: int) -> str:
        """Return a stretch of marks, with the state's name in it where there is room."""
        fill = self._glyphs.marks[name]
        has_room = name != "nothing" and len(name) + 4 <= n_cells
        return f"{fill} {name} ".ljust(n_cells, fill) if has_room else fill * n_cells

    def _style(self, name: str, is_genre: bool, number: int) -> str:
        if not self._has_colours:
            return "reverse" if is_genre and number % 2 else ""
        return f"{text_colour(colour(name))} on {colour(name)}" if is_genre else colour(name)


def _mark(state: LiveState, prediction: Prediction | None) -> Mark:
    if prediction and prediction.running.genres and state == "music":
        return prediction.running.genres[0], True
    return ("unsure" if state in ("music", "mix") else state), False


def _began_s(prediction: Prediction, state: LiveState) -> float | None:
    """Return since when a state has been on; None where the answer does not say it."""
    if prediction.is_silence:
        return prediction.start_s
    if state == prediction.running.state != "unsure" and prediction.running.since_s is not None:
        return prediction.running.since_s
    if prediction.kind != "music":
        return (prediction.start_s + prediction.end_s) / 2  # most of the chunk is speech or noise
    return None


def _times(first: int, n_cells: int, width: int, cell_s: int) -> Line:
    """Return the times of some of the cells, each under its cell."""
    room_s = cell_s * max(TIME_CELLS, len(clock((first + n_cells) * cell_s, tenths=False)) + 2)
    apart_s = next((one for one in TIMES_S if one % cell_s == 0 and one >= room_s), TIMES_S[-1])
    row = ""
    for cell in range(n_cells):
        time = clock((first + cell) * cell_s, tenths=False)
        if (first + cell) * cell_s % apart_s == 0 and cell + len(time) <= width:
            row = row.ljust(cell) + time
    return ((row, "dim"),)
