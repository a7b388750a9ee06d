"""From the command line to an options dataclass: a parser and its help, made from the fields and their docstrings."""

import argparse
import dataclasses
import inspect
import os
import re
import types
import typing
from typing import Any, NoReturn, TypeVar

from genrestream.cli.options import METAVARS, SHORT
from genrestream.errors import UsageError

T = TypeVar("T")
BY_TYPE = {float: "NUMBER", int: "N", str: "TEXT"}
ATTACHED = re.compile(r"-[^\W\d_].", re.DOTALL)  # a short option and more
RULES = {float: "must be a number", int: "must be a whole number"}


def parse(prog: str, kind: type[T], epilog: str, arguments: list[str]) -> T:
    """Return the options that the arguments give.

    Args:
        prog: The command, such as ``genrestream file``.
        kind: The dataclass of its options.
        epilog: What stands under the help.
        arguments: What the user wrote after the command.

    Raises:
        UsageError: An argument is not understood, or an option has a value that it cannot have.
        SystemExit: After the help was printed.
    """
    default = kind()
    named, rest = _split(arguments)
    for argument in named:
        if ATTACHED.match(argument):  # argparse would take -old.wav for -o ld.wav
            raise _no_such_option(prog, argument)
    given, loose = _parser(prog, default, epilog).parse_known_args(named)
    for argument in loose:
        if argument.startswith("-") and argument != "-":
            raise _no_such_option(prog, argument)
    return _built(default, vars(given) | _positional(prog, default, loose + rest))


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return what stands before ``--``, where options may be, and what stands after it."""
    if "--" not in arguments:
        return arguments, []
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


def _positional(prog: str, default: Any, values: list[str]) -> dict[str, tuple[str, ...]]:
    names = [field.name for field in dataclasses.fields(default) if "positional" in field.metadata]
    if values and not names:
        raise UsageError(f"{values[0]}: not understood; '{prog} --help' lists the options")
    return {name: tuple(values) for name in names}


def _no_such_option(prog: str, argument: str) -> UsageError:
    is_file = not argument.startswith("--") or os.path.exists(argument)
    hint = f"; for a file of this name write ./{argument}, or -- before it" if is_file else ""
    return UsageError(f"{argument}: no such option; '{prog} --help' lists them{hint}")


def _built(default: Any, given: dict[str, Any]) -> Any:
    """Return the options with what was given in place of the defaults, nested dataclasses included."""
    changes = {}
    for field in dataclasses.fields(default):
        value = getattr(default, field.name)
        if dataclasses.is_dataclass(value):
            changes[field.name] = _built(value, given)
        elif field.name in given:
            several = isinstance(value, tuple)
            changes[field.name] = tuple(given[field.name]) if several else given[field.name]
    return dataclasses.replace(default, **changes)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Shows ``-m, --model NAME``, as Python 3.13 does, not ``-m NAME, --model NAME``."""

    def _format_action_invocation(self, action: argparse.Action) -> str:
        value = "" if action.nargs == 0 else f" {self._format_args(action, action.metavar or '')}"  # type: ignore[arg-type]
        return ", ".join(action.option_strings) + value


class _Parser(argparse.ArgumentParser):
    """Its errors are one line, as all others of this command."""

    def print_help(self, file: Any = None) -> None:
        """Print the help; argparse would hide that it cannot be written."""
        print(self.format_help(), end="", file=file)

    def error(self, message: str) -> NoReturn:
        """Raise an error that points to the command's own help."""
        raise UsageError(f"{message.removeprefix('argument ')}; see '{self.prog} --help'")


def _parser(prog: str, default: Any, epilog: str) -> argparse.ArgumentParser:
    usage = f"{prog} [options]"
    texts = _attributes(type(default))
    parser = _Parser(
        prog=prog, description=_summary(type(default)), epilog=epilog, allow_abbrev=False, add_help=False,
        formatter_class=_Formatter, argument_default=argparse.SUPPRESS,
    )  # fmt: skip
    for field in dataclasses.fields(default):
        if "positional" in field.metadata:  # shown here; read by _positional, wherever they stand
            metavar = METAVARS[field.name]
            usage = f"{usage} [{metavar} ...]"
            parser.add_argument_group("arguments", f"{metavar:<7} {texts[field.name]}")
    parser.usage = usage
    options = parser.add_argument_group("options")
    _add_fields(parser, options, default)
    options.add_argument("-h", "--help", action="help", help="Show this help and end.")
    return parser


def _add_fields(parser: argparse.ArgumentParser, group: Any, default: Any) -> None:
    texts, hints = _attributes(type(default)), typing.get_type_hints(type(default))
    for field in dataclasses.fields(default):
        value = getattr(default, field.name)
        if dataclasses.is_dataclass(value):
            is_main = field.name in ("input", "results")  # the input and the output are never secondary
            inner = group if is_main else parser.add_argument_group(texts[field.name].rstrip("."))
            _add_fields(parser, inner, value)
        elif "positional" not in field.metadata:
            _add_option(group, field, hints[field.name], value, texts[field.name])


def _add_option(group: Any, field: dataclasses.Field[Any], hint: Any, default: Any, text: str) -> None:
    name, metavar = field.name, field.metadata.get("metavar") or METAVARS.get(field.name)
    flags = [
        *([SHORT[name]] if name in SHORT else []),
        f"--{name.replace('_', '-').rstrip('-')}",
    ]  # from_: from is Python's
    if hint is bool:
        group.add_argument(*flags, dest=name, action="store_true", help=text)
        return
    kind = _plain(hint)
    if typing.get_origin(kind) is tuple:  # may be given several times
        group.add_argument(*flags, dest=name, action="append", metavar=metavar or "VALUE", help=text)
        return
    shown = f" (default: {default:g})" if isinstance(default, int | float) else f" (default: {default})"
    text = text.replace("%", "%%") + (shown if default is not None else "")
    if typing.get_origin(kind) is typing.Literal:
        values = typing.get_args(kind)
        group.add_argument(*flags, dest=name, choices=values, metavar=f"{{{','.join(values)}}}", help=text)
    else:
        metavar = metavar or BY_TYPE.get(kind, "VALUE")
        group.add_argument(*flags, dest=name, type=_converter(kind), metavar=metavar, help=text)


def _plain(hint: Any) -> Any:
    """Return ``X`` for ``X | None``."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return next(kind for kind in typing.get_args(hint) if kind is not type(None))
    return hint


def _converter(kind: Any) -> Any:
    def convert(text: str) -> Any:
        try:
            return kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} {RULES[kind]}") from None

    return convert


def _summary(kind: type) -> str:
    return (kind.__doc__ or "").split("\n")[0]


def _attributes(kind: type) -> dict[str, str]:
    """Return each attribute's text in a Google docstring."""
    docstring = inspect.cleandoc(kind.__doc__ or "")  # Python 3.13 strips the indentation, earlier versions keep it
    lines = docstring.partition("Attributes:\n")[2]
    entries = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", lines, re.MULTILINE)
    return {name: " ".join(text.split()).replace("``", "") for name, text in entries}
