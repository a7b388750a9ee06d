"""The command line: parse the options, run the command, and end the process with its exit code."""

import contextlib
import gc
import importlib
import os
import sys

from genrestream.cli.exits import USAGE, exit_code
from genrestream.cli.help import COMMANDS, FOLDERS, epilog, overview
from genrestream.cli.parse import parse
from genrestream.cli.std_streams import prepare
from genrestream.errors import UsageError
from genrestream.files import STDOUT, STDOUT_REMEDY, writing


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    return exit_code(lambda: _run(given))


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        _print(overview())
        return 0 if arguments else USAGE
    if arguments[0] == "--version":
        from genrestream import __version__

        _print(f"genrestream {__version__}")
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        raise _no_such_command(name)
    try:
        with writing(STDOUT, STDOUT_REMEDY):  # the help
            options = parse(f"genrestream {name}", COMMANDS[name], epilog(name), rest)
    except SystemExit:  # the help was printed
        _flush()
        return 0
    module = ".".join(filter(None, ("genrestream.cli", FOLDERS.get(name), name)))
    code = importlib.import_module(module).run(options)  # --help needs none of them
    _flush()
    return code or 0


def _no_such_command(name: str) -> UsageError:
    if name == "-" or "://" in name or os.path.exists(name):
        return UsageError(f"{name}: is no command; 'genrestream file NAME' classifies a file")
    if name.startswith("-"):
        return UsageError(f"{name}: no such option; a command stands first, 'genrestream --help' lists them")
    return UsageError(f"{name}: no such command; choose one of {', '.join(COMMANDS)}, or see 'genrestream --help'")


def _print(text: str) -> None:
    with writing(STDOUT, STDOUT_REMEDY):
        print(text)
    _flush()


def _flush() -> None:
    with writing(STDOUT, STDOUT_REMEDY):
        sys.stdout.flush()


def run() -> None:
    """Entry point of the ``genrestream`` script."""
    gc.set_threshold(100_000, 20, 20)  # imports make objects by the hundred thousand, all to stay
    prepare()
    code = main()
    with contextlib.suppress(OSError):  # a closed pipe or terminal was reported by main
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)  # all files are closed; taking XLA down object by object would cost a quarter of a second
