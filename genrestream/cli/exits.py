"""Exit codes, and the one place where an exception becomes one line and an exit code.

==== ==================================================================
0    all went well
1    an input failed or was damaged, or a result could not be written
2    wrong usage
128+ a signal ended it: 130 is Ctrl-C, 129 SIGHUP, 143 SIGTERM
141  the reader of the output went away
==== ==================================================================
"""

import contextlib
import os
import sys
from collections.abc import Callable

from genrestream.errors import GenrestreamError, OptionError, UsageError

OK, FAILED, USAGE, INTERRUPTED, CLOSED_PIPE = 0, 1, 2, 130, 141


def exit_code(command: Callable[[], int | None], prefix: str = "genrestream: ", interrupted: str = "") -> int:
    """Run a command and return its exit code; an error is one line on standard error.

    Args:
        command: Returns its exit code; None means 0.
        prefix: Stands before the line.
        interrupted: What to print after Ctrl-C.
    """
    try:
        return command() or OK
    except BrokenPipeError:
        discard_stdout()
        return CLOSED_PIPE
    except OptionError as error:
        return _fail(f"{prefix}{error.as_option}", USAGE)
    except UsageError as error:
        return _fail(f"{prefix}{error}", USAGE)
    except GenrestreamError as error:
        return _fail(f"{prefix}{error}", FAILED)
    except KeyboardInterrupt:
        return _fail(interrupted, INTERRUPTED)


def discard_stdout() -> None:
    """Send what is still buffered to nowhere, or the interpreter complains about the closed pipe when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(line: str, code: int) -> int:
    if line:
        from genrestream.output.text import printable  # with NumPy, which --help does not need

        with contextlib.suppress(OSError):  # a terminal that was closed: nobody reads it
            print(printable(line), file=sys.stderr)
    return code
