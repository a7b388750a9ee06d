"""The commands: each a frozen dataclass whose fields are its options, and whose ``run`` returns the exit code."""

import dataclasses
from typing import Literal

import tyro

from genrestream.audio import RawFormat
from genrestream.checkpoint import DEFAULT_MODEL, find, names, read
from genrestream.errors import AudioError
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
        segments: Write the stretches of one genre to this .csv, .jsonl or .txt (Audacity labels); for one input.
        stream: How the stream is cut, voted on and decided.
        raw: What standard input holds where it is bare samples.
    """

    sources: tyro.conf.Positional[tuple[str, ...]]
    model: str = DEFAULT_MODEL
    format: Format | None = None
    output: str | None = None
    plot: str | None = None
    segments: str | None = None
    stream: StreamConfig = dataclasses.field(default_factory=StreamConfig)
    raw: RawFormat = dataclasses.field(default_factory=RawFormat)

    def run(self) -> int:
        """Classify every source; return 0 if all went well, 1 if one failed or was damaged."""
        from genrestream.run import classify_all

        return classify_all(self)


@dataclasses.dataclass(frozen=True)
class ListenCommand:
    """Listen to a microphone, to what the machine plays, or to a stream in real time, until stopped.

    Attributes:
        device: Number or part of the name of the input ('genrestream devices' lists them); else the default one.
        source: Play this file, http(s):// address or pipe (-) in real time instead of listening to a device.
        speed: With a source: times real time; inf for as fast as it can be classified.
        model: Name of a shipped model, or the path of a model's folder.
        duration_s: Stop after so many seconds.
        format: What is printed, or written to the output file; without it the output's suffix says, else text.
            On a terminal, text is a live screen.
        output: Write the results to this file; text still goes to the terminal.
        record: Record what is heard to this WAV file.
        segments: Write the stretches of one genre to this .csv, .jsonl or .txt (Audacity labels).
        stats: Print delays, time spent, dropped blocks and memory at the end.
        stream: How the stream is cut, voted on and decided.
        raw: What standard input holds where it is bare samples.
    """

    device: str | None = None
    source: str | None = None
    speed: float = 1.0
    model: str = DEFAULT_MODEL
    duration_s: float | None = None
    format: Literal["text", "jsonl", "csv"] | None = None
    output: str | None = None
    record: str | None = None
    segments: str | None = None
    stats: bool = False
    stream: StreamConfig = dataclasses.field(default_factory=lambda: StreamConfig(hop_s=1.0, vote="decay"))
    raw: RawFormat = dataclasses.field(default_factory=RawFormat)

    def run(self) -> int:
        """Listen; return 0 at the end, 1 if the input or the recording failed, 128 + the signal that stopped it."""
        from genrestream.listen import listen

        return listen(self)


@dataclasses.dataclass(frozen=True)
class DevicesCommand:
    """List the inputs to listen to: number, name, channels, rate; the default one and loopbacks are marked."""

    def run(self) -> int:
        """Print a line for each input; return 1 where there is none."""
        from genrestream.devices import inputs

        devices = inputs()
        if not devices:
            raise AudioError("microphone: this machine has no input; connect one, or play a file with --source FILE")
        for device in devices:
            print(device)
        return 0


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
