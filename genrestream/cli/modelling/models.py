"""``genrestream models``: the models that come with the package and the user's own, as a table; or all of one."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from genrestream.cli.options import ModelsOptions
from genrestream.errors import CheckpointError, OptionError, UsageError
from genrestream.features.config import frontend_to_json
from genrestream.files import STDOUT, STDOUT_REMEDY, writing
from genrestream.inference import checkpoint, shipped
from genrestream.inference.weights import files_of
from genrestream.output.open_sinks import report
from genrestream.output.text import printable


def run(options: ModelsOptions) -> None:
    """Print the table, or the cards of the models named.

    Raises:
        UsageError: Nothing has that name.
        CheckpointError: A model's folder is damaged.
        OutputError: Standard output cannot be written.
    """
    models = [checkpoint.read(named(name)) for name in options.names or shipped.names()]
    if not options.names:
        models += _own()
    with writing(STDOUT, STDOUT_REMEDY):
        if options.format == "json":
            records = [_card(model) if options.names else _facts(model) for model in models]
            print(json.dumps(records, indent=2, ensure_ascii=False))
        elif options.names:
            print("\n\n".join("\n".join(_lines(_card(model))) for model in models))
        else:
            _print_table([_row(_facts(model)) for model in models])


def named(name: str) -> Path:
    """Return the folder of a model that is named without an option before it.

    Raises:
        UsageError: There is no such model.
        CheckpointError: There is no such folder.
    """
    try:
        return shipped.find(name)
    except OptionError as error:
        raise UsageError(f"{name}: {error.rule}") from error


def _own() -> list[checkpoint.Checkpoint]:
    """Return the user's own models; a damaged one does not hide the others."""
    found = []
    for name in shipped.own_names():
        try:
            found.append(checkpoint.read(shipped.own_folder() / name))
        except CheckpointError as error:
            report(error)
    return found


def _is_own(model: checkpoint.Checkpoint) -> bool:
    return model.path.parent == shipped.own_folder()


def _facts(model: checkpoint.Checkpoint) -> dict[str, Any]:
    """Return what the table tells of a model."""
    card, is_own = model.card, _is_own(model)
    figures = card.metrics.get("taught" if is_own else "artist_folds")
    return {
        "name": model.path.name if is_own else card.name,
        "default": card.name == shipped.DEFAULT_MODEL and not is_own,
        "own": is_own,
        "labels": list(card.labels[:-1] if card.outside else card.labels),
        "multi_label": card.multi_label,
        "accuracy": figures.get("accuracy") if isinstance(figures, dict) else None,
        "ms_a_chunk": card.metrics.get("ms_a_chunk"),
        "licence": card.provenance.get("licence"),
        "size_mb": round(sum(file.stat().st_size for file in _files(model)) / 1e6, 1),
    }


def _files(model: checkpoint.Checkpoint) -> set[Path]:
    """Return the files that a model needs, those of another model's weights included."""
    return {*files_of(model.path), *files_of(model.weights)}


def _row(facts: dict[str, Any]) -> dict[str, str]:
    """Return the table's cells; a figure that no model has is no column."""
    kind = "tags" if facts["multi_label"] else "genres"
    accuracy, ms = facts["accuracy"], facts["ms_a_chunk"]
    return {
        "name": printable(facts["name"]) + " (default)" * facts["default"] + " (yours)" * facts["own"],
        "labels": f"{len(facts['labels'])} {kind}",
        "accuracy": f"{accuracy:.2f}" if isinstance(accuracy, int | float) else "-",
        "ms a chunk": f"{ms:.1f}" if isinstance(ms, int | float) else "",
        "size": f"{facts['size_mb']:.1f} MB",
        "licence": printable(_licences(str(facts["licence"] or "-"))),
    }


def _licences(licence: str) -> str:
    """Return the names of the licences without the words on what each is for."""
    return " + ".join(dict.fromkeys(part.split()[0].rstrip(",") for part in licence.split(";") if part.strip()))


def _print_table(rows: list[dict[str, str]]) -> None:
    columns = {name: [row[name] for row in rows] for name in rows[0] if any(row[name] for row in rows)}
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table

        table = Table(*columns, box=None, pad_edge=False, header_style="bold")
        for cells in zip(*columns.values(), strict=True):
            table.add_row(*cells)
        Console(highlight=False).print(table)
    else:
        widths = [max(map(len, [name, *cells])) for name, cells in columns.items()]
        for cells in [tuple(columns), *zip(*columns.values(), strict=True)]:
            print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
    print("\naccuracy: of whole tracks, by artist folds (no artist of a test track was in the training)")
    if any(row["name"].endswith(" (yours)") for row in rows):
        print("of yours: of the songs that they were taught with, each held out with its artist or album where known")


def _card(model: checkpoint.Checkpoint) -> dict[str, Any]:
    return dataclasses.asdict(model.card) | {"frontend": frontend_to_json(model.card.frontend)}


def _lines(facts: dict[str, Any], indent: str = "") -> list[str]:
    """Return a card as lines, what belongs together under its name."""
    lines = []
    for name, value in facts.items():
        if isinstance(value, dict):
            lines += [f"{indent}{printable(name)}:", *_lines(value, indent + "  ")]
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            lines.append(f"{indent}{printable(name)}: {printable(text)}")
    return lines
