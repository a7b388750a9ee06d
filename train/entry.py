"""The end of a command of ``train``: errors are one line, and the exit codes are those of ``genrestream``."""

import os
import sys
from collections.abc import Callable

from genrestream.cli import CLOSED_PIPE, FAILED, INTERRUPTED, USAGE
from genrestream.errors import GenrestreamError, UsageError


def entry(function: Callable[[], None], interrupted: str = "interrupted") -> None:
    """Run a command, its parsing included, and end the process with its exit code where it fails.

    Args:
        function: The command.
        interrupted: What is said after Ctrl-C.
    """
    try:
        function()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its end
        sys.exit(CLOSED_PIPE)
    except UsageError as error:
        _fail(error, USAGE)
    except GenrestreamError as error:
        _fail(error, FAILED)
    except KeyboardInterrupt:
        _fail(interrupted, INTERRUPTED)


def _fail(message: object, code: int) -> None:
    print(message, file=sys.stderr)
    sys.exit(code)
