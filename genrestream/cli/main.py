"""The command line: parse the options, run the command, and end the process with its exit code."""

import contextlib
import gc
import importlib
import io
import os
import sys
from typing import Annotated, Any, Union, cast

import tyro

from genrestream.cli.exits import exit_code
from genrestream.cli.options import DevicesOptions, FileOptions, ListenOptions, ModelsOptions

COMMANDS = {"file": FileOptions, "listen": ListenOptions, "devices": DevicesOptions, "models": ModelsOptions}


def _named(name: str, options: type) -> Any:
    return Annotated[options, tyro.conf.subcommand(name, description=(options.__doc__ or "").split("\n")[0])]


Options: Any = Union[tuple(_named(name, options) for name, options in COMMANDS.items())]  # noqa: UP007 - from a dict


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""

    def command() -> int:
        options = tyro.cli(
            Options,
            prog="genrestream",
            description="Listens to music and says, as it plays, which genre it is.",
            args=arguments,
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
        )
        name = next(name for name, kind in COMMANDS.items() if isinstance(options, kind))
        code = importlib.import_module(f"genrestream.cli.{name}").run(options)  # --help needs none of them
        sys.stdout.flush()
        return code

    return exit_code(command)


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
