"""The options of each command, as frozen dataclasses: a field is an option, its docstring the help."""

import dataclasses
from typing import Literal

import tyro

from genrestream.audio.formats import RawFormat
from genrestream.inference.shipped import DEFAULT_MODEL
from genrestream.live.config import ListenConfig
from genrestream.streaming.session import StreamConfig

Format = Literal["text", "jsonl", "csv", "json"]


@dataclasses.dataclass(frozen=True)
class FileOptions:
    """Classify files, folders, standard input or http streams, chunk by chunk.

    Attributes:
        sources: Files, folders, http(s):// addresses, or - for standard input.
        model: Name of a shipped model, or the path of a model's folder.
        format: Format of the output; where not given, the output file's suffix decides, else text. On a terminal,
            text is a live screen.
        output: Write the results to this file; text still goes to the terminal.
        plot: Draw probability over time into this PNG; for one input.
        segments: Write the stretches of one genre to this .csv, .jsonl or .txt (Audacity labels); for one input.
        stream: How the stream is cut, voted on and decided.
        raw: The format of standard input where it is bare samples.
        track: Which audio track of a file with several, counted from 1; the default one where not given.
        playlist: Sources that are playlists (.m3u, .pls, .xspf) stand for the files that they list.
    """

    sources: tyro.conf.Positional[tuple[str, ...]]
    model: str = DEFAULT_MODEL
    format: Format | None = None
    output: str | None = None
    plot: str | None = None
    segments: str | None = None
    stream: StreamConfig = dataclasses.field(default_factory=StreamConfig)
    raw: RawFormat = dataclasses.field(default_factory=RawFormat)
    track: int | None = None
    playlist: bool = False


@dataclasses.dataclass(frozen=True)
class ListenOptions:
    """Listen to a microphone, to what the machine plays, or to a stream in real time, until stopped.

    Attributes:
        input: What to listen to, and how.
        model: Name of a shipped model, or the path of a model's folder.
        format: Format of the output; where not given, the output file's suffix decides, else text. On a terminal,
            text is a live screen.
        output: Write the results to this file; text still goes to the terminal.
        record: Record the input to this WAV file.
        segments: Write the stretches of one genre to this .csv, .jsonl or .txt (Audacity labels).
        stats: Print delays, time spent, dropped blocks and memory at the end.
    """

    input: ListenConfig = dataclasses.field(default_factory=ListenConfig)
    model: str = DEFAULT_MODEL
    format: Literal["text", "jsonl", "csv"] | None = None
    output: str | None = None
    record: str | None = None
    segments: str | None = None
    stats: bool = False


@dataclasses.dataclass(frozen=True)
class DevicesOptions:
    """List the inputs to listen to: number, name, channels, rate; the default one and loopbacks are marked."""


@dataclasses.dataclass(frozen=True)
class ModelsOptions:
    """List the shipped models: labels, measured accuracy, data and licence."""
