"""The options of each command, as frozen dataclasses: a field is an option, its docstring the help."""

import dataclasses
from typing import Literal, get_args

from genrestream.audio.formats import RawFormat
from genrestream.errors import OptionError
from genrestream.inference.shipped import DEFAULT_MODEL
from genrestream.live.config import ListenConfig
from genrestream.output.config import Background, OutputConfig, ViewConfig
from genrestream.streaming.config import StreamConfig, check_jobs
from genrestream.ways_out.config import WaysOutConfig

MAX_BATCH = 256  # chunks that an exported function may take
SHORT = {"model": "-m", "output": "-o", "format": "-f"}
# What stands for an option's value in the help, where its type does not say it.
METAVARS = {
    "sources": "SOURCE", "model_and_file": "MODEL FILE",
    "names": "MODEL", "model": "NAME", "output": "FILE", "plot": "FILE", "segments": "FILE",
    "record": "FILE", "rotate_h": "HOURS", "device": "NAME", "source": "SOURCE", "speed": "FACTOR",
    "duration_s": "SECONDS", "hop_s": "SECONDS", "half_life_s": "SECONDS", "min_probability": "P", "silence_db": "DB",
    "raw_rate": "HZ", "channel": "CHANNEL", "raw_channels": "N", "raw_format": "FORMAT", "to": "URL",
    "every_s": "SECONDS", "input": "NAME", "host": "ADDRESS", "token": "SECRET", "allow_host": "NAME",
    "folders": "FOLDER", "tables": "TABLE", "db": "TABLE", "per_track": "SECONDS", "exclude": "PATTERN",
    "shard": "I/N", "ray": "ADDRESS",
    "max_minutes": "MINUTES", "max_upload_mb": "MB", "history": "FILE", "keep_days": "DAYS", "day": "DATE",
    "folder": "FOLDER", "name": "NAME", "from_": "MODEL", "labels": "CSV", "add": "FILE",
}  # fmt: skip


def positional() -> tuple[str, ...]:
    """Return a field of arguments that need no option before them."""
    return dataclasses.field(default=(), metadata={"positional": True})


@dataclasses.dataclass(frozen=True)
class FileOptions:
    """Classify files, folders, standard input or http streams.

    Attributes:
        sources: Files, folders, http(s):// addresses, or - for standard input.
        model: Name of a shipped model ('genrestream models' lists them), or the path of a model's folder.
        results: Which results are written, where and how.
        plot: Draw the genres over time into this .png, .svg or .pdf; for one input.
        plot_background: With --plot: draw the loudness in it (level), or a mel spectrogram (mel).
        segments: Write the stretches of one genre to this .csv, .jsonl or .txt (Audacity labels); for one input.
        stream: How the stream is cut, voted on and decided.
        raw: The format of standard input where it is bare samples.
        track: Which audio track of a file with several, counted from 1; the default one where not given.
        playlist: Sources that are playlists (.m3u, .pls, .xspf) stand for the files that they list.
        jobs: Chunks that are in work at once, and files read ahead; as many as there are cores where not given.
        view: How results are shown on a terminal.
    """

    sources: tuple[str, ...] = positional()
    model: str = DEFAULT_MODEL
    results: OutputConfig = dataclasses.field(default_factory=OutputConfig)
    plot: str | None = None
    plot_background: Background = "none"
    segments: str | None = None
    stream: StreamConfig = dataclasses.field(default_factory=StreamConfig)
    raw: RawFormat = dataclasses.field(default_factory=RawFormat)
    track: int | None = None
    playlist: bool = False
    jobs: int | None = None
    view: ViewConfig = dataclasses.field(default_factory=ViewConfig)

    def __post_init__(self) -> None:
        if self.jobs is not None:
            check_jobs(self.jobs)


@dataclasses.dataclass(frozen=True)
class ListenOptions:
    """Listen in real time: microphones, what the machine plays, or a stream.

    Attributes:
        input: What to listen to, and how.
        model: Name of a shipped model ('genrestream models' lists them), or the path of a model's folder.
        results: Which results are written, where and how.
        record: Record the input to this .wav, .flac, .opus or .mp3 file.
        rotate_h: Begin another file of the recording after so many hours.
        segments: Write the stretches of one genre to this .csv, .jsonl or .txt (Audacity labels).
        plot: Draw the genres over time into this .png, .svg or .pdf when the run ends.
        plot_background: With --plot: draw the loudness in it (level), or a mel spectrogram (mel).
        ways: Other programs that are sent what plays.
        stats: Print delays, time spent, dropped blocks and memory at the end.
        view: How results are shown on a terminal.
    """

    input: ListenConfig = dataclasses.field(default_factory=ListenConfig)
    model: str = DEFAULT_MODEL
    results: OutputConfig = dataclasses.field(default_factory=OutputConfig)
    record: str | None = None
    rotate_h: float | None = None
    segments: str | None = None
    plot: str | None = None
    plot_background: Background = "none"
    ways: WaysOutConfig = dataclasses.field(default_factory=WaysOutConfig)
    stats: bool = False
    view: ViewConfig = dataclasses.field(default_factory=ViewConfig)


ExportTo = Literal["onnx", "stablehlo", "safetensors"]
EXPORTS: tuple[ExportTo, ...] = get_args(ExportTo)


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """Export a model for other programs, with its front end inside.

    Attributes:
        model_and_file: A shipped model's name or a model's folder, and a file.
        to: Format of the file; the one that its suffix names where not given. With it the file may be left out, and is
            then named after the model.
        batch: Chunks that the exported function takes at once.
    """

    model_and_file: tuple[str, ...] = positional()
    to: ExportTo | None = None
    batch: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.batch <= MAX_BATCH:
            raise OptionError("batch", self.batch, f"must be a whole number from 1 to {MAX_BATCH}")


@dataclasses.dataclass(frozen=True)
class DevicesOptions:
    """List the inputs; the default one and loopbacks are marked."""


@dataclasses.dataclass(frozen=True)
class ModelsOptions:
    """List the shipped models and yours, or print all that is known of one.

    Attributes:
        names: Models whose cards to print: names, or paths of models' folders.
        format: Format of the list or the cards.
    """

    names: tuple[str, ...] = positional()
    format: Literal["text", "json"] = "text"
