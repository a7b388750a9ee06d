"""A terminal that may go away, and the characters that it can show."""

import dataclasses
import errno
import sys
from collections.abc import Callable
from typing import Any, TextIO

from rich.console import Console

from genrestream.output.text import printable


@dataclasses.dataclass(frozen=True)
class Glyphs:
    """The characters that the screens are drawn with.

    Attributes:
        is_ascii: Whether names are written in ASCII, too.
        full: A filled cell.
        parts: A cell filled from the left by less and more; empty where there is no such character.
        peak: A cell of the level meter between loudness and peak.
        hold: The highest peak of the last seconds.
        rest: An empty cell of the level meter.
        ellipsis: What stands for what was cut.
        marks: What fills a stretch of the strip in which no genre was named, by state.
    """

    is_ascii: bool
    full: str
    parts: str
    peak: str
    hold: str
    rest: str
    ellipsis: str
    marks: dict[str, str]

    def shown(self, text: str) -> str:
        """Return the text with everything escaped that the terminal cannot show or must not obey."""
        text = printable(text)
        return as_ascii(text) if self.is_ascii else text


MARKS = {"nothing": " ", "silence": ".", "speech": '"', "noise": "~", "unsure": "?", "no input": "x"}
ASCII = Glyphs(True, "#", "", "=", "|", ".", "...", MARKS)
UNICODE = Glyphs(False, "█", "▏▎▍▌▋▊▉", "▒", "┃", "─", "…", MARKS | {"silence": "·", "no input": "×"})  # noqa: RUF001


def as_ascii(text: str) -> str:
    """Return the text with escapes for what is not ASCII; a label's path is written with ``>``."""
    return text.replace("›", ">").encode("ascii", "backslashreplace").decode()


class Terminal:
    """A terminal's file; once the terminal is closed, what is written to it is dropped.

    Args:
        file: The file.
        is_ascii: Whether it is to show ASCII characters only.
    """

    def __init__(self, file: TextIO, is_ascii: bool = False):
        self._file, self._is_ascii = file, is_ascii
        self._was_terminal, self._has_failed = file.isatty(), False

    @property
    def encoding(self) -> str:
        """The encoding of what is written; rich, too, then draws in ASCII."""
        return "ascii" if self._is_ascii else self._file.encoding

    @property
    def is_gone(self) -> bool:
        """Whether the terminal was closed."""
        return self._has_failed or (self._was_terminal and not self._file.isatty())

    def write(self, text: str) -> int:
        """Write text, or drop it."""
        if self._is_ascii:
            text = as_ascii(text)
        return self._unless_gone(lambda: self._file.write(text)) or len(text)

    def flush(self) -> None:
        """Write what is buffered, or drop it."""
        self._unless_gone(self._file.flush)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def _unless_gone(self, action: Callable[[], int | None]) -> int | None:
        if self._has_failed:
            return None
        try:
            return action()
        except OSError as error:
            if error.errno != errno.EIO:  # what a write to a closed terminal ends with
                raise
            self._has_failed = True
            return None


def console_of(terminal: Terminal | None = None) -> Console:
    """Return a console on a terminal, standard output where None."""
    file: Any = terminal or Terminal(sys.stdout)
    return Console(file=file, highlight=False)


def glyphs_of(console: Console) -> Glyphs:
    """Return the characters that a console's terminal can show."""
    return UNICODE if console.encoding.startswith("utf") else ASCII
