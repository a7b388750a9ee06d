"""How a training command ends: an error is one line, and the exit codes are those of ``genrestream``."""

import sys
from collections.abc import Callable

from genrestream.cli.exits import exit_code


def entry(function: Callable[[], None], interrupted: str = "interrupted") -> None:
    """Run a command, and end the process with its exit code where it fails.

    Args:
        function: The command.
        interrupted: The line to print after Ctrl-C.
    """
    if code := exit_code(function, prefix="", interrupted=interrupted):
        sys.exit(code)
