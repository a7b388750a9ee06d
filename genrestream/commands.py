"""The commands: each a frozen dataclass whose fields are its options, and whose ``run`` returns the exit code."""

import dataclasses
from pathlib import Path
from typing import Literal

import tyro

from genrestream.audio import RawFormat
from genrestream.checkpoint import DEFAULT_MODEL, find, names, read
from genrestream.session import StreamConfig

Format = Literal["text", "jsonl", "csv", "json"]


@dataclasses.dataclass(frozen=True)
class FileCommand:
    """Classify files, folders, standard input or http streams, chunk by chunk.

    Attributes:
        sources: Files, folders, http(s):// addresses, or - for standard input.
        model: Name of a shipped model, or the path of a model's folder.
        format: What is printed, or written to the output file; without it the output's suffix says, else text.
            On a terminal, text is a live screen.
        output: Write the results to this file; text still goes to the terminal.
        plot: Draw probability over time into this PNG; for one input.
        stream: How the stream is cut, voted on and decided.
        raw: What standard input holds where it is bare samples.
    """

    sources: tyro.conf.Positional[tuple[str, ...]]
    model: str = DEFAULT_MODEL
    format: Format | None = None
    output: str | None = None
    plot: str | None = None
    stream: StreamConfig = dataclasses.field(default_factory=StreamConfig)
    raw: RawFormat = dataclasses.field(default_factory=RawFormat)

    @property
    def chosen_format(self) -> Format:
        """The format given, or the one that the output's suffix names, or text."""
        suffix = Path(self.output or "").suffix.removeprefix(".")
        return self.format or (suffix if suffix in ("jsonl", "csv", "json") else "text")

    def run(self) -> int:
        """Classify every source; return 0 if all went well, 1 if one failed or was damaged."""
        from genrestream.run import classify_all

        return classify_all(self)


@dataclasses.dataclass(frozen=True)
class ModelsCommand:
    """List the shipped models: labels, measured accuracy, data and licence."""

    def run(self) -> int:
        """Print a paragraph for each model."""
        for name in names():
            card = read(find(name)).card
            default = " (default)" if name == DEFAULT_MODEL else ""
            print(f"{name}{default}: {len(card.labels)} {'tags' if card.multi_label else 'genres'}")
            print(f"  {', '.join(card.labels)}")
            for facts in (card.metrics, card.provenance):
                print("".join(f"  {fact}: {value}\n" for fact, value in facts.items()), end="")
        return 0
