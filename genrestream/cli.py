"""The command line: parse, run a command, and turn how it ended into an exit code.

0: all went well. 1: some input failed, or a result could not be written. 2: usage. 130: interrupted with Ctrl-C
(listen: 128 + the signal, so 143 when terminated). 141: the reader of the output went away.
"""

import contextlib
import gc
import io
import os
import sys
from typing import Annotated, Any, Union, cast

import tyro

from genrestream.commands import DevicesCommand, FileCommand, ListenCommand, ModelsCommand
from genrestream.errors import GenrestreamError, UsageError

FAILED, USAGE, INTERRUPTED, CLOSED_PIPE = 1, 2, 130, 141


def _named(name: str, command: type) -> Any:
    return Annotated[command, tyro.conf.subcommand(name, description=(command.__doc__ or "").split("\n")[0])]


COMMANDS = {"file": FileCommand, "listen": ListenCommand, "devices": DevicesCommand, "models": ModelsCommand}
Command: Any = Union[tuple(_named(name, command) for name, command in COMMANDS.items())]  # noqa: UP007 - from a dict


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        command = tyro.cli(
            Command,
            prog="genrestream",
            description="Listens to music and says, as it plays, which genre it is.",
            args=arguments,
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
        )
        code = command.run()
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its end
        return CLOSED_PIPE
    except UsageError as error:
        return _fail(error, USAGE)
    except GenrestreamError as error:
        return _fail(error, FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED


def _fail(error: GenrestreamError, code: int) -> int:
    print(f"genrestream: {error}", file=sys.stderr)
    return code


def run() -> None:
    """Entry point of the ``genrestream`` script."""
    gc.set_threshold(100_000, 20, 20)  # imports make objects by the hundred thousand, all to stay
    for stream in (sys.stdout, sys.stderr):  # a file's name need not be text
        cast(io.TextIOWrapper, stream).reconfigure(errors="backslashreplace")
    code = main()
    with contextlib.suppress(OSError):  # a closed pipe was reported by main
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)  # all files are closed; taking XLA down object by object would cost a quarter of a second
