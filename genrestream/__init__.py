"""genrestream listens to music and says, as it plays, which genre it is.

>>> import genrestream
>>> model = genrestream.load()
>>> verdict = model.classify("examples/metal.ogg")
>>> verdict.genre
'metal'
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genrestream.api import Classifier, Stream, listen, load, segments
    from genrestream.audio.formats import RawFormat
    from genrestream.errors import AudioError, CheckpointError, GenrestreamError, OptionError, OutputError, UsageError
    from genrestream.live.live_stream import LiveStream
    from genrestream.streaming.config import StreamConfig
    from genrestream.streaming.predictions import Decision, Prediction, Segment, Verdict
    from genrestream.streaming.session import Session
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


# Where each name comes from; imported when first asked for, since "genrestream --help" needs neither NumPy nor FFmpeg.
_NAMES = {
    "api": ("Classifier", "Stream", "listen", "load", "segments"),
    "audio.formats": ("RawFormat",),
    "errors": ("AudioError", "CheckpointError", "GenrestreamError", "OptionError", "OutputError", "UsageError"),
    "live.live_stream": ("LiveStream",),
    "streaming.predictions": ("Decision", "Prediction", "Segment", "Verdict"),
    "streaming.config": ("StreamConfig",),
    "streaming.session": ("Session",),
    "streaming.status": ("Event", "Status"),
    "streaming.table": ("table",),
}
_MODULES = {name: f"{__name__}.{module}" for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_MODULES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    """Look up the version only when it is asked for: ``importlib.metadata`` would slow each start."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(__name__)
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "0+unknown"
