"""The end of a training command: errors are one line, and the exit codes are those of ``genrestream``."""

import sys
from collections.abc import Callable

from genrestream.cli.exits import exit_code


def entry(function: Callable[[], None], interrupted: str = "interrupted") -> None:
    """Run a command, its parsing included, and end the process with its exit code where it fails.

    Args:
        function: The command.
        interrupted: What is printed after Ctrl-C.
    """
    if code := exit_code(function, prefix="", interrupted=interrupted):
        sys.exit(code)
