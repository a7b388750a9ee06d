"""The exceptions that genrestream raises for what a user can mend.

::

    GenrestreamError
    ├── AudioError        an input cannot be read, decoded or used
    ├── CheckpointError   a model folder is missing, foreign, damaged or too new
    ├── OutputError       a result cannot be written
    ├── UsageError        what was asked for makes no sense
    │   └── OptionError   an option or argument has a value that it cannot have
    └── NotANumberError   training came to an infinite or undefined loss (train/loop/loop.py)

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
    """What was asked for makes no sense."""


class OptionError(UsageError):
    """An option or argument has a value that it cannot have.

    Its text is in the words of Python (``hop_s=0 must be …``); the command line prints ``as_option``.

    Args:
        name: The argument's name.
        value: Its value.
        rule: What it must be, such as ``must be positive``.
    """

    def __init__(self, name: str, value: object, rule: str):
        super().__init__(f"{name}={value!r} {rule}")
        self.as_option = f"--{name.replace('_', '-')} {value}: {rule}"
