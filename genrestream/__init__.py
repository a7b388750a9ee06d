"""genrestream listens to music and says, as it plays, which genre it is.

>>> import genrestream
>>> model = genrestream.load()
>>> verdict = model.classify("examples/metal.ogg")
>>> verdict.genre
'metal'
"""

from genrestream.api import Classifier, Stream, listen, load, segments
from genrestream.audio.formats import RawFormat
from genrestream.errors import AudioError, CheckpointError, GenrestreamError, OptionError, OutputError, UsageError
from genrestream.live.live_stream import LiveStream
from genrestream.streaming.predictions import Decision, Prediction, Segment, Verdict
from genrestream.streaming.session import Session, StreamConfig
from genrestream.streaming.status import Event, Status
from genrestream.streaming.table import table

__all__ = [
    "AudioError",
    "CheckpointError",
    "Classifier",
    "Decision",
    "Event",
    "GenrestreamError",
    "LiveStream",
    "OptionError",
    "OutputError",
    "Prediction",
    "RawFormat",
    "Segment",
    "Session",
    "Status",
    "Stream",
    "StreamConfig",
    "UsageError",
    "Verdict",
    "listen",
    "load",
    "segments",
    "table",
]


def __getattr__(name: str) -> str:
    """Look up the version only when it is asked for: ``importlib.metadata`` would slow each start."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(__name__)
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "0+unknown"
