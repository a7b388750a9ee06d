"""Options as a TOML file: ``--config FILE`` reads one, and each run writes its own as ``config.toml``.

Options of the command line win over those of the file.
"""

import dataclasses
import json
import tomllib
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from genrestream.errors import UsageError, first_line

FILE = "config.toml"
OPTION = "--config"
MAX_BYTES = 1 << 20


def to_toml(config: Any) -> str:
    """Return all options of a config, those of its parts in tables.

    A part that may be missing, such as a front end's level, is left out: the command line takes it as a
    word, not as an option.
    """
    return "\n".join(_lines(config, "")).strip() + "\n"


def _lines(config: Any, table: str) -> list[str]:
    hints = typing.get_type_hints(type(config))
    values = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    parts = {name for name, value in values.items() if dataclasses.is_dataclass(value)}
    may_miss = {name for name, hint in hints.items() if any(map(dataclasses.is_dataclass, typing.get_args(hint)))}
    lines = [f"{name} = {_text(value)}" for name, value in values.items() if name not in parts | may_miss]
    for name, value in values.items():
        if name in parts - may_miss:
            inner = f"{table}.{name}" if table else name
            lines += ["", f"[{inner}]", *_lines(value, inner)]
    return lines


def _text(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, bool | int | float):
        return str(value).lower()
    text = json.dumps(str(value), ensure_ascii=False)  # None as a word: TOML has no other
    return text.encode("utf-8", "backslashreplace").decode()  # a file name that is no text


def with_file(arguments: list[str], kind: type) -> list[str]:
    """Return the arguments of a command with those of the TOML file that ``--config`` names before them.

    Args:
        arguments: What the user wrote.
        kind: The dataclass of the command's options.

    Raises:
        UsageError: The file is missing or is not TOML, or names an option that the command does not have.
    """
    for at, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name == OPTION:
            if not equals and at + 1 == len(arguments):
                raise UsageError(f"{OPTION}: name a TOML file of options after it")
            file, rest = Path(value if equals else arguments[at + 1]), arguments[at + (1 if equals else 2) :]
            return [*_arguments(file, kind), *arguments[:at], *rest]
    return arguments


def _arguments(file: Path, kind: type) -> list[str]:
    known, found = set(_names(kind)), list[str]()
    for name, value in _leaves(_table(file)):
        name = name.replace("-", "_")
        if name not in known:
            raise UsageError(f"{OPTION} {file}: {name} is not an option of this command; --help lists them")
        option = name.replace("_", "-")
        if isinstance(value, bool):
            found.append(f"--{option}" if value else f"--no-{option}")
        else:
            found += [f"--{option}", *map(str, value if isinstance(value, list) else [value])]
    return found


def _table(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise UsageError(f"{OPTION} {file}: must have at most {MAX_BYTES:,} bytes")
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        cause = getattr(error, "strerror", None) or first_line(error)
        raise UsageError(f"{OPTION} {file}: cannot be read ({cause}); give a TOML file of options") from error


def _leaves(table: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value)
        else:
            yield name, value


def _names(kind: type) -> Iterator[str]:
    """Yield the names of all options, as the command line takes them."""
    for field in dataclasses.fields(kind):
        hint = typing.get_type_hints(kind)[field.name]
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            yield from _names(hint)
        else:
            yield field.name
