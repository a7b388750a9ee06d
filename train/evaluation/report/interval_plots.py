"""The report's pictures of accuracies with their intervals, by model, genre and distortion."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from train.evaluation.report.plots import STYLES, one_panel, save, tidy

MAX_LINES = 2  # lines of clean accuracies; more would clutter


def robustness(path: Path, tables: Mapping[str, Mapping[str, Any]], title: str) -> None:
    """Draw accuracy and its interval under each distortion, a marker for each model; the line is the clean accuracy."""
    names = list(next(iter(tables.values())))
    figure, axes = one_panel((8.5, _height(len(names), len(tables))))
    _forest(axes, names, {name: [table[row] for row in names] for name, table in tables.items()})
    for (_, table), (colour, _, line) in zip(tables.items(), STYLES[:MAX_LINES], strict=False):
        axes.axvline(table["clean"]["accuracy"], color=colour, lw=0.8, ls=line, alpha=0.6)
    axes.set(xlabel="track accuracy, 95 % interval over tracks", title=title)
    save(figure, path)


def comparison(path: Path, systems: Mapping[str, Mapping[str, Any]], title: str) -> None:
    """Draw each model's accuracy by track and by chunk, with intervals over tracks."""
    figure, axes = one_panel((8.5, 1.6 + 0.5 * len(systems)))
    rows = {
        "track": [figures["track"] for figures in systems.values()],
        "one chunk": [figures["chunk"] for figures in systems.values()],
    }
    _forest(axes, list(systems), rows)
    axes.set(xlabel="accuracy, 95 % interval over tracks", title=title)
    save(figure, path)


def by_genre(path: Path, systems: Mapping[str, Mapping[str, Any]], title: str) -> None:
    """Draw the F1 of each genre, a marker for each model."""
    genres = list(next(iter(systems.values())))
    figure, axes = one_panel((8.5, _height(len(genres), len(systems))))
    rows = {
        name: [{"accuracy": table[genre]["f1"] if genre in table else np.nan} for genre in genres]
        for name, table in systems.items()
    }
    _forest(axes, genres, rows)
    axes.set(xlabel="F1 of the genre's tracks", title=title)
    save(figure, path)


def _height(n_rows: int, n_series: int) -> float:
    """Return inches that leave room for a number beside each marker."""
    return 1.6 + 0.36 * n_rows * max(1.0, 0.5 * n_series)


def _forest(axes: Axes, names: Sequence[str], rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Draw a marker with its interval for each name (from the top) and series, the number beside it."""
    step = 0.7 / max(1, len(rows))
    for number, (series, values) in enumerate(rows.items()):
        colour, marker, _ = STYLES[number % len(STYLES)]
        places = np.arange(len(names)) + (number - (len(rows) - 1) / 2) * step
        for place, value in zip(places, values, strict=True):
            if "accuracy_95" in value:
                axes.plot(value["accuracy_95"], [place, place], color=colour, lw=1.5)
            axes.plot(value["accuracy"], place, marker, color=colour, ms=6, zorder=3)
            right = value.get("accuracy_95", [0, value["accuracy"]])[1]
            axes.annotate(
                f"{value['accuracy']:.2f}",
                (right, place),
                (5, 0),
                textcoords="offset points",
                va="center",
                fontsize=7,
                bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"},
            )
        axes.plot([], [], marker, color=colour, label=series)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.margins(x=0.08)
    axes.grid(axis="x", color="0.9")
    tidy(axes)
    if len(rows) > 1:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8)
