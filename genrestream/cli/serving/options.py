"""The options of ``serve`` and ``history``: a field is an option, its docstring the help."""

import dataclasses
from typing import Literal

from genrestream.audio.formats import RawFormat
from genrestream.errors import OptionError, UsageError
from genrestream.inference.shipped import DEFAULT_MODEL
from genrestream.serve.config import HistoryConfig, ServeConfig
from genrestream.streaming.config import StreamConfig
from genrestream.ways_out.config import WaysOutConfig


@dataclasses.dataclass(frozen=True)
class ServeOptions:
    """Serve a live page of what plays, for browsers and other programs.

    Attributes:
        device: Number or part of the name of the input ('genrestream devices' lists them); the default one where
            nothing else is given.
        source: Play this file, http(s):// address or pipe (-) in real time instead of listening to a device.
        loop: Play sources that are files again and again.
        input: Listen to several inputs, each with a name of its own: a source or a device. May be given several times.
        no_input: Listen to nothing but what visitors bring: their microphones and files.
        model: Name of a shipped model ('genrestream models' lists them), or the path of a model's folder.
        server: How the page is served, and to whom.
        kept: What is kept of what the inputs played.
        ways: Other programs that are sent what plays.
        stream: How the stream is cut, voted on and decided.
        raw: The format of standard input where it is bare samples.
    """

    device: str | None = None
    source: str | None = None
    loop: bool = False
    input: tuple[str, ...] = dataclasses.field(default=(), metadata={"metavar": "NAME=SOURCE"})
    no_input: bool = False
    model: str = DEFAULT_MODEL
    server: ServeConfig = dataclasses.field(default_factory=ServeConfig)
    kept: HistoryConfig = dataclasses.field(default_factory=HistoryConfig)
    ways: WaysOutConfig = dataclasses.field(default_factory=WaysOutConfig)
    stream: StreamConfig = dataclasses.field(default_factory=lambda: StreamConfig(hop_s=1.0))
    raw: RawFormat = dataclasses.field(default_factory=RawFormat)

    def __post_init__(self) -> None:
        single = {"--device": self.device, "--source": self.source}
        given = [option for option, value in single.items() if value is not None]
        given += ["--input"] * bool(self.input) + ["--no-input"] * self.no_input
        if len(given) > 1:
            raise UsageError(f"{' and '.join(given)}: cannot be used together; name several inputs with --input")
        if self.loop and not (self.source or self.input):
            raise OptionError("loop", True, "needs a file to play again; give it with --source FILE")


@dataclasses.dataclass(frozen=True)
class HistoryOptions:
    """Print a day of 'genrestream serve': a table, CSV or a picture.

    Attributes:
        day: The day, as 2026-11-28, today or yesterday.
        input: Only this input.
        history: The SQLite file; the server's own where not given.
        output: Write into this .csv or .png file (.svg and .pdf too) instead.
        format: Format of what is printed.
    """

    day: str = "today"
    input: str | None = None
    history: str | None = None
    output: str | None = None
    format: Literal["text", "csv"] = "text"
