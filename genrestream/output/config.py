"""What a run writes of its results, and where: options that files and live runs share."""

import dataclasses
from pathlib import Path
from typing import Literal

from genrestream.errors import UsageError

Format = Literal["text", "jsonl", "csv", "json"]
Background = Literal["none", "level", "mel"]  # of a plot
SUFFIXES: dict[str, Format] = {"": "text", ".txt": "text", ".jsonl": "jsonl", ".csv": "csv", ".json": "json"}


@dataclasses.dataclass(frozen=True)
class OutputConfig:
    """Which results are written, where and how.

    Attributes:
        format: Format of the results; json is for files only. Without it the suffix of the output file decides, else
            it is text; on a terminal, text is a live screen.
        output: Write the results to this file, or to standard output where it is -. Text still goes to the terminal.
        verdicts_only: Write verdicts and errors, no chunks.
        on_change: Write a chunk only where the running answer changes.
        quiet: Show nothing but errors; the results are only in files.
    """

    format: Format | None = None
    output: str | None = None
    verdicts_only: bool = False
    on_change: bool = False
    quiet: bool = False

    def __post_init__(self) -> None:
        if self.verdicts_only and self.on_change:
            raise UsageError("--verdicts-only and --on-change: cannot be used together; choose one")

    @property
    def file(self) -> str | None:
        """The output file; None for standard output."""
        return None if self.output == "-" else self.output

    @property
    def chosen_format(self) -> Format:
        """The format given, or the one that the output's suffix names.

        Raises:
            UsageError: The suffix names none.
        """
        suffix = Path(self.file or "").suffix.lower()
        if self.format:
            return self.format
        if suffix not in SUFFIXES:
            rule = f"{suffix} names no format; end it in .txt, .jsonl, .csv or .json, or say --format"
            raise UsageError(f"--output {self.output}: {rule}")
        return SUFFIXES[suffix]


@dataclasses.dataclass(frozen=True)
class ViewConfig:
    """How results are shown on the terminal.

    Attributes:
        ascii: Draw the screen with ASCII characters only.
        plain: No screen, but a line of text for each change of the answer, for screen readers. A terminal that cannot
            move its cursor (TERM=dumb) gets the same.
    """

    ascii: bool = False
    plain: bool = False
