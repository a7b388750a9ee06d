"""genrestream listens to music and says, as it plays, which genre it is.

>>> import genrestream
>>> model = genrestream.load("musicnn")
>>> verdict = model.classify("examples/metal.ogg")
>>> verdict.genre
'metal'
"""

from genrestream.api import Classifier, Stream, load
from genrestream.audio.formats import RawFormat
from genrestream.errors import AudioError, CheckpointError, GenrestreamError, OutputError, UsageError
from genrestream.streaming.predictions import Decision, Prediction, Verdict
from genrestream.streaming.session import Session, StreamConfig

__version__ = "0.1.0"

__all__ = [
    "AudioError",
    "CheckpointError",
    "Classifier",
    "Decision",
    "GenrestreamError",
    "OutputError",
    "Prediction",
    "RawFormat",
    "Session",
    "Stream",
    "StreamConfig",
    "UsageError",
    "Verdict",
    "load",
]
