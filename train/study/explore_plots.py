"""The pictures of ``train.study.explore``."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from genrestream.output.colours import colour, text_colour
from train.tabular.table import Table

DPI = 110


def correlations(table: Table, path: Path) -> None:
    """Draw the correlation of the mean columns (and the tempo) with each other."""
    shown = [at for at, name in enumerate(table.columns) if name.endswith("_mean") or name == "tempo"]
    names = [table.columns[at].removesuffix("_mean") for at in shown]
    values = table.values[:, shown]
    scale = np.where(values.std(axis=0) > 0, values.std(axis=0), 1)
    scores = (values - values.mean(axis=0)) / scale
    matrix = scores.T @ scores / len(scores)
    figure = Figure(figsize=(0.34 * len(names) + 2.5, 0.34 * len(names) + 1.5), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    for row, column in np.argwhere(np.abs(matrix) >= 0.5):
        colour = "white" if abs(matrix[row, column]) > 0.75 else "black"
        axes.text(column, row, f"{100 * matrix[row, column]:.0f}", ha="center", va="center", fontsize=5, color=colour)
    figure.colorbar(image, ax=axes, shrink=0.7, label="correlation (numbers: %, from 50 on)")
    figure.savefig(path, dpi=DPI)


def boxes(panels: Mapping[str, tuple[np.ndarray, np.ndarray]], genres: Sequence[str], path: Path) -> None:
    """Draw a box plot by genre in each panel.

    Args:
        panels: Values and their labels by the panel's title.
        genres: Names of the labels.
        path: The picture.
    """
    n_columns = min(3, len(panels))
    n_rows = -(-len(panels) // n_columns)
    figure = Figure(figsize=(5.2 * n_columns, (4.4 if len(panels) == 1 else 3.1) * n_rows), layout="constrained")
    grid = np.ravel(figure.subplots(n_rows, n_columns, squeeze=False))
    for axes, (title, (values, labels)) in zip(grid, panels.items(), strict=False):
        _boxes(axes, [values[labels == label] for label in range(len(genres))], genres)
        axes.set_title(title, fontsize=10)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    figure.savefig(path, dpi=DPI)


def _boxes(axes: Axes, groups: Sequence[np.ndarray], genres: Sequence[str]) -> None:
    drawn = axes.boxplot(
        groups, tick_labels=list(genres), widths=0.65, patch_artist=True, boxprops={"lw": 0.8},
        flierprops={"marker": ".", "ms": 3, "mec": "0.4"},
    )  # fmt: skip
    for genre, box, median in zip(genres, drawn["boxes"], drawn["medians"], strict=True):
        box.set_facecolor(colour(genre))
        median.set_color(text_colour(colour(genre)))
    axes.tick_params(axis="x", rotation=45, labelsize=8)
    axes.tick_params(axis="y", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def gallery(spectrograms: Mapping[str, Sequence[tuple[str, np.ndarray]]], seconds: float, path: Path) -> None:
    """Draw mel spectrograms in dB, a row for each genre.

    Args:
        spectrograms: Of each genre, names and spectrograms of shape (n_frames, n_mels).
        seconds: Length of each.
        path: The picture.
    """
    n_columns = max(len(row) for row in spectrograms.values())
    figure = Figure(figsize=(3.3 * n_columns + 0.6, 1.35 * len(spectrograms) + 0.4), layout="constrained")
    grid = figure.subplots(len(spectrograms), n_columns, squeeze=False)
    for row, (genre, examples) in zip(grid, spectrograms.items(), strict=True):
        for axes, (name, mel_db) in zip(row, examples, strict=False):
            axes.imshow(mel_db.T, origin="lower", aspect="auto", cmap="magma", extent=(0, seconds, 0, mel_db.shape[1]))
            axes.set_title(name, fontsize=7, pad=2)
            axes.set(xticks=[], yticks=[])
        for axes in row[len(examples) :]:
            axes.set_visible(False)
        row[0].set_ylabel(genre, fontsize=9)
    figure.supxlabel(f"{seconds:g} s each; 128 mel bands, 0 to 11 kHz; 80 dB from black to white", fontsize=8)
    figure.savefig(path, dpi=DPI)
