"""Bars of the running probabilities: each label keeps its place."""

from collections.abc import Mapping

from rich.cells import cell_len, set_cell_size

from genrestream.output.colours import colour
from genrestream.output.terminal.console import Glyphs
from genrestream.output.terminal.lines import Line, shortened
from genrestream.streaming.predictions import Decision

CLEARLY = 0.05  # how much more probable a label must be to take another's place
NAME_CELLS = 20  # longer names are cut
BAR_CELLS = 20  # the least beside a name: where there is room, there are several columns of bars
VOTES_FROM_CELLS = 46  # narrower bars go without their votes


class Bars:
    """The bars, in the model's order; where not all fit, a label stays until another is clearly more probable.

    Args:
        glyphs: The characters to draw with.
    """

    def __init__(self, glyphs: Glyphs):
        self._glyphs = glyphs
        self._places: list[str] = []

    def rows(self, running: Decision, width: int, height: int, is_dim: bool = False) -> list[Line]:
        """Return the bars.

        Args:
            running: The decision whose probabilities are shown.
            width: Cells of each row.
            height: How many rows there are, at least 1.
            is_dim: Whether the bars are of a past answer.
        """
        n_labels = len(running.probs)
        n_name = min(NAME_CELLS, max(map(cell_len, running.probs)))
        n_columns = max(1, min(-(-n_labels // height), width // (n_name + BAR_CELLS)))
        n_bars = min(n_labels, n_columns * height)
        labels = self._placed(running.probs, n_bars)
        per_column = -(-n_bars // n_columns)
        n_rows = min(3, height // per_column)  # a bar is up to two rows thick, with an empty one under it
        cells = (width - n_columns + 1) // n_columns
        rows: list[Line] = []
        for start in range(per_column):
            drawn = [
                self._bar(running, label, min(n_name, cells // 2), cells, is_dim) for label in labels[start::per_column]
            ]
            rows.append(_beside([bar for bar, _ in drawn]))
            rows += [_beside([more for _, more in drawn])] * (n_rows - 2)
            rows += [()] * (n_rows > 1)
        return rows

    def _placed(self, probs: Mapping[str, float], n_places: int) -> list[str]:
        """Return the labels that are shown; one that comes in takes the place of the one that goes."""
        if len(self._places) != n_places:
            shown = sorted(probs, key=lambda label: -probs[label])[:n_places]
            self._places = [label for label in probs if label in shown]
        shown = set(self._places)
        others = sorted((label for label in probs if label not in shown), key=lambda label: -probs[label])
        for label in others[:n_places]:
            place = min(range(n_places), key=lambda place: probs[self._places[place]])
            if probs[label] < probs[self._places[place]] + CLEARLY:
                break
            self._places[place] = label
        return self._places

    def _bar(self, running: Decision, label: str, n_name: int, cells: int, is_dim: bool) -> tuple[Line, Line]:
        """Return a label's row, and the row that makes its bar thicker."""
        prob, is_named = running.probs[label], label in running.genres and not is_dim
        figures = f" {prob:4.2f}"
        if cells >= VOTES_FROM_CELLS:
            n_votes = max(2, len(str(running.n_votes)))
            figures += f" {running.votes[label]:>{n_votes}}/{running.n_votes:<{n_votes}}"
        style = "dim" if is_dim else colour(label)
        n_bar = max(0, cells - n_name - len(figures) - 3)
        bar = self._filled(prob, n_bar)
        name = set_cell_size(shortened(label, n_name, self._glyphs), n_name)
        text_style = "bold" if is_named else "dim" if is_dim else ""
        row = ((f" {name} ", text_style), (bar, style), (f"{figures} ", text_style))
        return row, ((" " * (n_name + 2), ""), (bar, style), (" " * (len(figures) + 1), ""))

    def _filled(self, prob: float, n_cells: int) -> str:
        steps = len(self._glyphs.parts) + 1
        whole, part = divmod(round(prob * n_cells * steps), steps)
        return (self._glyphs.full * whole + (self._glyphs.parts[part - 1] if part else "")).ljust(n_cells)


def _beside(columns: list[Line]) -> Line:
    line = columns[0]
    for column in columns[1:]:
        line = (*line, (" ", ""), *column)
    return line
