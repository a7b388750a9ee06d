"""``--plot``: collects one stream and draws it at the end."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from genrestream.errors import OptionError, UsageError
from genrestream.files import writing
from genrestream.output.config import Background
from genrestream.output.plot.timeline import Timeline
from genrestream.output.sink import Sink
from genrestream.output.text import answer_in_words, clock
from genrestream.streaming.predictions import Prediction, Segment, Verdict

SUFFIXES = (".png", ".svg", ".pdf")
if TYPE_CHECKING:
    from genrestream.output.plot.spectrogram import Spectrogram

N_LENGTHS = 5  # how many genres the title gives the length of


def check_plot(path: str | None, background: Background = "none", n_sources: int = 1) -> None:
    """Check before any work that the picture, where one is asked for, can be made.

    Raises:
        UsageError: There is not exactly one source, the suffix names no format, the folder cannot be written, or
            matplotlib is missing.
    """
    if path is None:
        if background != "none":
            raise OptionError("plot_background", background, "needs --plot FILE")
        return
    if n_sources != 1:
        raise UsageError(f"--plot {path}: draws one input, {n_sources} are given")
    if Path(path).suffix.lower() not in SUFFIXES:
        raise UsageError(f"--plot {path}: must end in .png, .svg or .pdf")
    if not os.access(Path(path).parent, os.W_OK):
        raise UsageError(f"--plot {path}: the folder {Path(path).parent} is missing or cannot be written; name another")
    try:
        import matplotlib  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise UsageError(f"--plot {path}: needs matplotlib; pip install 'genrestream[plot]'") from error


class Plot(Sink):
    """Collects one stream, in bounded memory, and draws it at the end.

    Args:
        path: The .png, .svg or .pdf to write.
        background: What is drawn in the segments.

    Attributes:
        spectrogram: What must get the stream, where the background is one.
    """

    def __init__(self, path: str, background: Background = "none"):
        self._path, self._background = path, background
        self.spectrogram = _spectrogram() if background == "mel" else None
        self._timeline = Timeline()
        self._title = self._subtitle = ""
        self._segments: Sequence[Segment] = ()

    def chunk(self, source: str, prediction: Prediction) -> None:
        """Keep what is drawn of a chunk."""
        self._timeline.add(prediction)

    def verdict(self, verdict: Verdict) -> None:
        """Keep what is drawn of the verdict."""
        self._title, self._subtitle, self._segments = verdict.source, summary(verdict), verdict.segments

    def error(self, source: str, message: str) -> None:
        """Keep why a live run ended without a verdict; what was received is drawn all the same."""
        self._title, self._subtitle = source, message

    def close(self) -> None:
        """Draw.

        Raises:
            OutputError: The picture cannot be written.
        """
        if self._title and self._timeline.columns:
            from genrestream.output.plot.drawing import draw  # matplotlib: a run without a picture does not need it

            with writing(f"--plot {self._path}"):
                background = self.spectrogram or ("level" if self._background == "level" else "none")
                draw(self._timeline, self._title, self._subtitle, self._segments, self._path, background)


def _spectrogram() -> "Spectrogram":
    from genrestream.output.plot.spectrogram import Spectrogram  # jax: the help of a command does not need it

    return Spectrogram()


def summary(verdict: Verdict) -> str:
    """Return a verdict in short: the answer, how long each genre lasted where there are several, length and model."""
    lengths, total = "", _length(verdict.duration_s)
    if len(verdict.seconds) > 1:
        lengths = ", ".join(f"{name} {_length(seconds)}" for name, seconds in list(verdict.seconds.items())[:N_LENGTHS])
        lengths += ", …" * (len(verdict.seconds) > N_LENGTHS)
        total += " in all"
    return " · ".join(filter(None, (answer_in_words(verdict.final), lengths, total, verdict.model)))


def _length(seconds: float) -> str:
    return clock(round(seconds), tenths=False)
