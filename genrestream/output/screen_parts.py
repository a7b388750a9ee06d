"""What the two screens share: colours, bars, names that fit, and a terminal that may go away."""

import errno
import sys
from collections.abc import Callable, Iterable
from typing import Any, TextIO

from rich.bar import Bar
from rich.console import Console
from rich.table import Table
from rich.text import Text

from genrestream.output.text import printable
from genrestream.streaming.predictions import Decision

STYLES = {
    "music": "bold green", "mix": "bold green", "unsure": "bold yellow", "speech": "bold cyan", "noise": "bold",
    "silence": "bold", "nothing": "dim", "failed": "bold red", "no input": "bold white on red",
}  # fmt: skip


class Terminal:
    """A terminal's file; once the terminal is closed, what is written to it is dropped."""

    def __init__(self, file: TextIO):
        self._file, self._was_terminal, self._has_failed = file, file.isatty(), False

    @property
    def is_gone(self) -> bool:
        """Whether the terminal was closed."""
        return self._has_failed or (self._was_terminal and not self._file.isatty())

    def write(self, text: str) -> int:
        """Write text, or drop it."""
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


def bars(running: Decision, labels: Iterable[str], colour_of: Callable[[str], str]) -> Table:
    """Return a row for each label: its name, a bar of its running probability, the number, and its votes."""
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    for label in labels:
        colour, prob = colour_of(label), running.probs[label]
        name = Text(label, f"bold {colour}" if label in running.genres else "")
        votes = f"{running.votes[label]}/{running.n_votes}"
        table.add_row(name, Bar(1.0, 0.0, prob, color=colour), f"{prob:.2f}", votes)
    return table


def shortened(name: str, width: int) -> Text:
    """Return a name without control characters, cut at its start where it is too long: the end tells files apart."""
    name = printable(name)
    return Text(name if len(name) <= width else f"…{name[len(name) - max(1, width - 1) :]}", no_wrap=True)
