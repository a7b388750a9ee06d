"""Lines of a screen: text with styles that fits the width, and a frame that sends only what changed."""

import os
import time

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.control import Control
from rich.segment import Segment, Segments
from rich.text import Text

from genrestream.output.terminal.console import Glyphs

Line = tuple[tuple[str, str], ...]  # pieces of text, each with its style in rich's words
WHOLE_S = 2.0  # seconds after which all is sent again: something else may have written to the terminal
GAP = ("  ", "")
STYLES = {
    "music": "bold green", "mix": "bold green", "unsure": "bold yellow", "speech": "bold cyan", "noise": "bold",
    "silence": "bold", "nothing": "dim", "failed": "bold red", "no input": "bold red",
}  # fmt: skip


def width_of(line: Line) -> int:
    """Return how many cells a line takes."""
    return sum(cell_len(text) for text, _ in line)


def cut(line: Line, width: int) -> Line:
    """Return a line of exactly this width, cut or filled with spaces."""
    kept, room = [], width
    for text, style in line:
        n_cells = cell_len(text)
        kept.append((text if n_cells <= room else set_cell_size(text, room), style))
        room -= n_cells
        if room <= 0:
            return tuple(kept)
    return (*kept, (" " * room, ""))


def joined(facts: list[Line], width: int) -> Line:
    """Return as many whole facts in one line, most important first, as fit; the first one in any case."""
    line = facts[0]
    for fact in facts[1:]:
        longer = (*line, GAP, *fact)
        if width_of(longer) > width:
            break
        line = longer
    return line


def shortened(name: str, width: int, glyphs: Glyphs) -> str:
    """Return a name without control characters, cut at its start where it is too long: the end tells files apart."""
    name = glyphs.shown(name)
    if cell_len(name) <= width:
        return name
    room = max(1, width - len(glyphs.ellipsis))
    while name and cell_len(name) > room:
        name = name[max(1, (cell_len(name) - room) // 2) :]  # a character takes at most two cells
    return glyphs.ellipsis + name


def as_text(line: Line) -> Text:
    """Return a line for a console that prints it."""
    return Text.assemble(*line, no_wrap=True)


def size_of(console: Console) -> tuple[int, int]:
    """Return a terminal's width and height now; rich prefers COLUMNS and LINES, which stay when it is resized."""
    try:
        width, height = os.get_terminal_size(console.file.fileno())
    except OSError:  # no terminal
        width = height = 0
    return (width, height) if width and height else console.size


class Frame:
    """The whole terminal, drawn line by line; a line is sent where it changed. The terminal is given back as it was."""

    def __init__(self, console: Console):
        self._console = console
        self._sent: dict[int, Line] = {}
        self._size = size_of(console)
        self._whole_s = 0.0
        self.is_open = False

    def open(self) -> None:
        """Take over the terminal."""
        self.is_open = True
        self._console.set_alt_screen(True)
        self._console.show_cursor(False)

    def close(self) -> None:
        """Give the terminal back."""
        if self.is_open:
            self.is_open = False
            self._console.show_cursor(True)
            self._console.set_alt_screen(False)

    def draw(self, lines: list[Line]) -> None:
        """Show these lines, each as wide as the terminal."""
        segments, now_s = [], time.monotonic()
        if size_of(self._console) != self._size:
            self._size, self._whole_s = size_of(self._console), 0.0
            segments.append(Control.clear().segment)
        if now_s - self._whole_s > WHOLE_S:
            self._sent, self._whole_s = {}, now_s
        for row, line in enumerate(lines):
            if self._sent.get(row) != line:
                self._sent[row] = line
                segments.append(Control.move_to(0, row).segment)
                segments += [Segment(text, self._console.get_style(style)) for text, style in line if text]
        if segments:
            self._console.print(Segments(segments), end="", crop=False)
