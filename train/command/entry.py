"""How a training command ends: an error is one line, and the exit codes are those of ``genrestream``."""

import sys
from collections.abc import Callable

from genrestream.cli.exits import exit_code


class StoppedError(KeyboardInterrupt):
    """A signal asked a run to end, and its last step was saved.

    Args:
        exit_code: Of the process: 128 + the signal's number.
        said: What to print.

    Attributes:
        exit_code: The same.
    """

    def __init__(self, exit_code: int, said: str):
        super().__init__(said)
        self.exit_code = exit_code


def entry(function: Callable[[], None], interrupted: str = "interrupted") -> None:
    """Run a command, and end the process with its exit code where it fails.

    Args:
        function: The command.
        interrupted: The line to print after Ctrl-C.
    """

    def command() -> None:
        try:
            function()
        except StoppedError as stopped:
            print(stopped, file=sys.stderr)
            sys.exit(stopped.exit_code)

    if code := exit_code(command, prefix="", interrupted=interrupted):
        sys.exit(code)
