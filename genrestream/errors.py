"""The exceptions that genrestream raises for what a user can mend.

::

    GenrestreamError
    ├── AudioError        an input cannot be read, decoded or used
    ├── CheckpointError   a model folder is missing, foreign, damaged or too new
    ├── OutputError       a result cannot be written
    ├── UsageError        what was asked for makes no sense
    │   └── OptionError   an option or argument has a value that it cannot have
    ├── NotANumberError   training came to an infinite or undefined loss (train/loop/loop.py)
    └── DamagedError      a cached file or a training checkpoint is damaged (train/data/sealed.py)

Each message is one line: the path or value first, then the rule, then what to do.
"""

from numbers import Real


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
        rule: What it must be, such as ``must be positive``, or what is wrong, such as ``no such model``.

    Attributes:
        rule: The same.
        as_option: The line in the words of the command line.
    """

    def __init__(self, name: str, value: object, rule: str):
        self.rule = rule
        colon = "" if rule.startswith(("must", "needs", "cannot")) else ":"
        super().__init__(f"{name}={value!r}{colon} {rule}")
        shown = "" if value is True else f" {value}"  # an option that is only there or not
        self.as_option = f"--{name.replace('_', '-')}{shown}: {rule}"


def first_line(error: Exception) -> str:
    """Return the first line of what an exception says, or its type where it says nothing."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def check_number(name: str, value: object, lowest: float, highest: float, rule: str) -> None:
    """Make sure that an option is a number in a range, both ends included.

    Args:
        name: The option's name.
        value: Its value; text, a truth value and NaN are no numbers.
        lowest: The least that it may be.
        highest: The most that it may be.
        rule: What it must be, in words, after "must be ".

    Raises:
        OptionError: It is no number, or out of the range.
    """
    if not isinstance(value, Real) or isinstance(value, bool):
        raise OptionError(name, value, f"must be a number {rule}")
    if not lowest <= float(value) <= highest:
        raise OptionError(name, value, f"must be {rule}")
