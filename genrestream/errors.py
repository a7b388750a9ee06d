"""The exceptions that genrestream raises for what a user can mend.

::

    GenrestreamError
    ├── AudioError        an input cannot be read, decoded or used
    ├── CheckpointError   a model folder is missing, foreign, damaged or too new
    ├── OutputError       a result cannot be written
    ├── UsageError        an option has a value that it cannot have
    └── NotANumberError   training came to an infinite or undefined loss (train/loop.py)

Each message is one line: the path or value first, then the rule, then what to do.
"""


class GenrestreamError(Exception):
    """Anything that genrestream reports in one line instead of a traceback."""


class AudioError(GenrestreamError):
    """An input cannot be read, decoded or used."""


class CheckpointError(GenrestreamError):
    """A model folder is missing, foreign, damaged or too new."""


class OutputError(GenrestreamError):
    """A result cannot be written."""


class UsageError(GenrestreamError):
    """An option or argument has a value that it cannot have."""
