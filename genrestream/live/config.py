"""What to listen to, and how: the options of a live run."""

import dataclasses
import math
import os
import sys

from genrestream.audio.formats import RawFormat, is_url, local_path
from genrestream.errors import AudioError, OptionError, check_number
from genrestream.streaming.config import StreamConfig

SLOWEST = 1e-9  # times real time
SHORTEST_S, LONGEST_S = 1e-9, sys.float_info.max


@dataclasses.dataclass(frozen=True)
class ListenConfig:
    """What to listen to, for how long, and how the stream is cut and voted on.

    Attributes:
        device: Number or part of the name of the input ('genrestream devices' lists them); the default one where
            not given. Give it several times to listen to several inputs at once.
        source: Play this file, http(s):// address or pipe (-) in real time instead of listening to a device.
        speed: With a source: how many times faster than real time it plays; inf for as fast as possible.
        loop: Play the source, a file, again and again.
        duration_s: Stop after so many seconds.
        stream: How the stream is cut, voted on and decided.
        raw: The format of standard input where it is bare samples.
        track: With a source: which of its audio tracks, counted from 1; the default one where not given.
    """

    device: tuple[str, ...] = ()
    source: str | None = None
    speed: float = 1.0
    loop: bool = False
    duration_s: float | None = None
    stream: StreamConfig = dataclasses.field(default_factory=lambda: StreamConfig(hop_s=1.0))
    raw: RawFormat = dataclasses.field(default_factory=RawFormat)
    track: int | None = None

    def __post_init__(self) -> None:
        check_number("speed", self.speed, SLOWEST, math.inf, "more than 0")
        if self.source is None and self.speed != 1:
            raise OptionError("speed", self.speed, "needs a source to play; give a file with --source FILE")
        if self.loop and (self.source in (None, "-") or is_url(self.source)):
            raise OptionError("loop", True, "needs a file to play again; give it with --source FILE")
        if self.source is not None and self.device:
            raise OptionError("device", self.device[0], f"cannot be used together with source {self.source}")
        if self.duration_s is not None:
            check_number("duration_s", self.duration_s, SHORTEST_S, LONGEST_S, "more than 0 seconds, and finite")

    @property
    def choice(self) -> str | None:
        """The device of a run, where one is chosen: a run is of one input."""
        return self.device[0] if self.device else None

    def check_source(self) -> None:
        """Make sure, before the model is loaded, that a source that is a path exists, and can be played again.

        Raises:
            AudioError: It does not exist.
            OptionError: It is to be played again, and is no file.
        """
        source = self.source or "-"
        if source != "-" and not is_url(source) and not os.path.exists(local_path(source)):
            raise AudioError(f"{source}: no such file or directory")
        if self.loop and not os.path.isfile(local_path(source)):
            raise OptionError("loop", True, f"needs a file to play again, which {source} is not")
