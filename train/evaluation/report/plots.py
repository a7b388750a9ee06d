"""The report's pictures, readable without colour: direct labels, markers and small multiples.

The colours are Okabe and Ito's, which colour-blind people can distinguish. Each function takes the numbers of
``train.evaluation.figures`` and writes one PNG.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

BLUE, ORANGE, GREEN, PURPLE, BLACK, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9"
STYLES = (
    (BLUE, "o", "-"),
    (ORANGE, "s", "--"),
    (GREEN, "^", "-."),
    (PURPLE, "D", ":"),
    (BLACK, "v", "-"),
    (SKY, "P", "--"),
)
GREY, DPI, N_COLUMNS = "0.75", 130, 5


def confusion(path: Path, counts: Sequence[Sequence[int]], genres: Sequence[str], title: str) -> None:
    """Draw how many tracks of each genre (rows) were given which answer (columns), coloured by the row's share."""
    matrix = np.array(counts)
    shares = matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))
    size = 2.2 + 0.62 * len(genres)
    figure, axes = one_panel((size + 1, size))
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(matrix):
        share = shares[row, column]
        text = f"{matrix[row, column]}\n{100 * share:.0f} %"
        axes.text(column, row, text, ha="center", va="center", fontsize=7, color="white" if share > 0.55 else "black")
    axes.set_xticks(range(len(genres)), genres, rotation=45, ha="right")
    axes.set_yticks(range(len(genres)), [f"{genre} ({matrix[n].sum()})" for n, genre in enumerate(genres)])
    axes.set(xlabel="answer", ylabel="true genre (tracks)", title=title)
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, shrink=0.7, label="share of the genre's tracks")
    save(figure, path)


def roc(
    path: Path, probs: np.ndarray, labels: np.ndarray, genres: Sequence[str], areas: Sequence[Any], title: str
) -> None:
    """Draw each genre's ROC curve against the rest in a panel of its own, over the others in grey."""
    curves = [roc_curve(labels == label, probs[:, label])[:2] for label in range(len(genres))]
    titles = [f"{genre}\nAUC {_number(area)}" for genre, area in zip(genres, areas, strict=True)]
    figure, panels = _panels(curves, titles, title)
    for axes in panels:
        axes.plot([0, 1], [0, 1], ":", color="0.4", lw=0.8)
    figure.supxlabel("false positives, share of the other genres' tracks", fontsize=9)
    figure.supylabel("true positives, share of the genre's tracks", fontsize=9)
    save(figure, path)


def precision_recall(
    path: Path, probs: np.ndarray, labels: np.ndarray, genres: Sequence[str], precisions: Sequence[Any], title: str
) -> None:
    """Draw each genre's precision-recall curve, and the precision of chance as a dotted line."""
    curves = []
    for label in range(len(genres)):
        precision, recall, _ = precision_recall_curve(labels == label, probs[:, label])
        curves.append((recall, precision))
    titles = [f"{genre}\nAP {_number(area)}" for genre, area in zip(genres, precisions, strict=True)]
    figure, panels = _panels(curves, titles, title, drawstyle="steps-post")
    for label, axes in enumerate(panels):
        axes.axhline((labels == label).mean(), ls=":", color="0.4", lw=0.8)
    figure.supxlabel("recall", fontsize=9)
    figure.supylabel("precision (dotted: of chance)", fontsize=9)
    save(figure, path)


def _panels(
    curves: Sequence[tuple[np.ndarray, np.ndarray]], titles: Sequence[str], title: str, **line: Any
) -> tuple[Figure, list[Axes]]:
    n_rows = -(-len(curves) // N_COLUMNS)
    figure = Figure(figsize=(10, 0.9 + 2.3 * n_rows), layout="constrained")
    figure.suptitle(f"{title}, each genre against the rest (grey: the other genres)", fontsize=10)
    grid = figure.subplots(n_rows, min(N_COLUMNS, len(curves)), sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(curves) :]:
        axes.set_visible(False)
    panels = list(grid.flat[: len(curves)])
    for axes, (x, y), words in zip(panels, curves, titles, strict=True):
        for other_x, other_y in curves:
            axes.plot(other_x, other_y, color="0.87", lw=0.7, **line)
        axes.plot(x, y, color=BLUE, lw=1.8, **line)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
        axes.set_title(words, fontsize=9)
        tidy(axes)
    return figure, panels


def reliability(path: Path, calibration: Mapping[str, Any], title: str) -> None:
    """Draw accuracy against probability with Wilson intervals, and the number of answers in each bin."""
    figure = Figure(figsize=(8.5, 5), layout="constrained")
    grid = figure.subplots(2, 2, sharex=True, sharey="row", height_ratios=(4, 1))
    names = {"track": "at the end of the track", "first_chunk": "after the first chunk"}
    for column, (moment, words) in enumerate(names.items()):
        upper, lower = grid[:, column]
        bins = {name: np.array(values, float) for name, values in calibration[moment]["bins"].items()}
        upper.plot([0, 1], [0, 1], color="0.5", lw=1)
        if not column:
            upper.text(0.06, 0.13, "perfectly calibrated", color="0.4", fontsize=8, rotation=45, rotation_mode="anchor")
        filled = bins["counts"] > 0
        x, y = bins["confidence"][filled], bins["accuracy"][filled]
        errors = np.maximum(0, [y - bins["low"][filled], bins["high"][filled] - y])
        upper.errorbar(x, y, errors, fmt="o", color=BLUE, capsize=3, ms=5, clip_on=False)
        error = calibration[moment]["calibration_error"]
        upper.set_title(f"{words}: calibration error {error:.3f}", fontsize=9)
        upper.set(xlim=(0, 1), ylim=(0, 1.02))
        bars = lower.bar(bins["edges"][:-1], bins["counts"], width=np.diff(bins["edges"]), align="edge", color=GREY)
        lower.bar_label(bars, [f"{count:.0f}" if count else "" for count in bins["counts"]], fontsize=7)
        lower.margins(y=0.3)
        lower.set(xlabel="probability of the answer")
        tidy(upper, lower)
    grid[0, 0].set_ylabel("share of right answers")
    grid[1, 0].set_ylabel("tracks")
    figure.suptitle(title, fontsize=10)
    save(figure, path)


def risk_coverage(path: Path, curves: Mapping[str, Sequence[Mapping[str, Any]]], title: str) -> None:
    """Draw the share of right answers against the share of tracks that get one, as the least probability grows."""
    figure, axes = one_panel((7, 4.2))
    for (name, points), (colour, marker, line) in zip(curves.items(), STYLES, strict=False):
        known = [point for point in points if point["accuracy"] is not None]
        x, y = [point["coverage"] for point in known], [point["accuracy"] for point in known]
        axes.plot(x, y, color=colour, marker=marker, ls=line, ms=4, label=name)
        left = np.inf  # of the number drawn last: numbers closer together would overlap
        for point in known:
            if left - point["coverage"] >= 0.1:
                left, place = point["coverage"], (point["coverage"], point["accuracy"])
                axes.annotate(f"{point['min_probability']:.2f}", place, (0, 6), textcoords="offset points", fontsize=7)
    axes.set(xlim=(0, 1.05), xlabel="share of the tracks that get a genre", ylabel="share of those that are right")
    axes.set_title(f"{title}\n(numbers: the least probability)", fontsize=9)
    axes.grid(axis="y", color="0.9")
    axes.legend(frameon=False, fontsize=8)
    save(figure, path)


def by_seconds(path: Path, figures: Mapping[str, Any], title: str) -> None:
    """Draw accuracy, and its mean over genres, against seconds for each vote rule; the band is for the mean vote."""
    figure = Figure(figsize=(9.5, 4.2), layout="constrained")
    words = {"accuracy": "of all tracks", "mean_over_genres": "mean over genres"}
    seconds = figures["seconds"]
    for axes, (name, what) in zip(figure.subplots(1, 2, sharey=True), words.items(), strict=True):
        ends = []
        for (rule, values), (colour, marker, line) in zip(figures["rules"].items(), STYLES, strict=False):
            axes.plot(seconds, values[name], color=colour, marker=marker, ls=line, ms=5, lw=1.5)
            ends.append((values[name][-1], rule, colour))
        band = np.array(figures["rules"]["mean"][f"{name}_95"])
        axes.fill_between(seconds, band[:, 0], band[:, 1], color=BLUE, alpha=0.12, lw=0)
        _label_ends(axes, seconds[-1], ends)
        axes.set_title(f"{what} (band: 95 % of the mean vote)", fontsize=9)
        axes.set(xlabel="seconds of audio", xticks=seconds)
        axes.grid(axis="y", color="0.9")
        tidy(axes)
    figure.axes[0].set_ylabel("share of right answers")
    figure.suptitle(title, fontsize=10)
    save(figure, path)


def learning_curves(path: Path, curves: Sequence[Sequence[Mapping[str, Any]]], title: str) -> bool:
    """Draw loss and accuracy of training and validation; a thin line a fold, a thick one their mean.

    A ring marks the best validation accuracy.

    Returns:
        Whether there was anything to draw.
    """
    figure = Figure(figsize=(9.5, 3.8), layout="constrained")
    drawn = False
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        ends, last = [], 0.0
        pairs = ((name, "training", STYLES[0]), (f"val_{name}", "validation", STYLES[1]))
        for key, words, (colour, marker, line) in pairs:
            folds = [_points(rows, key) for rows in curves]
            folds = [fold for fold in folds if len(fold)]
            if not folds:
                continue
            grid = np.unique(np.concatenate([fold[:, 0] for fold in folds]))
            grid = grid[grid <= min(fold[-1, 0] for fold in folds)]
            mean = np.mean([np.interp(grid, fold[:, 0], fold[:, 1]) for fold in folds], axis=0)
            for fold in folds if len(folds) > 1 else []:
                axes.plot(*fold.T, color=colour, lw=0.7, ls=line, alpha=0.45)
            axes.plot(grid, mean, color=colour, lw=2.2, ls=line, marker=marker, ms=5, markevery=[-1])
            if key == "val_accuracy":
                best = int(mean.argmax())
                axes.plot(grid[best], mean[best], marker="o", ms=11, mfc="none", mec=colour, mew=1.5)
            ends.append((float(mean[-1]), words, colour))
            last = max(last, float(grid[-1]))
        axes.set(xlabel="epoch" if _has(curves, "epoch") else "step", title=name)
        axes.grid(axis="y", color="0.9")
        tidy(axes)
        _label_ends(axes, last, ends)
        drawn |= bool(ends)
    figure.suptitle(title, fontsize=10)
    if drawn:
        save(figure, path)
    return drawn


def _has(curves: Sequence[Sequence[Mapping[str, Any]]], key: str) -> bool:
    return any(key in row for rows in curves for row in rows)


def _points(rows: Sequence[Mapping[str, Any]], key: str) -> np.ndarray:
    """Return (epoch or step, value) of the rows that have the value, the mean where an epoch has several."""
    x = "epoch" if _has([rows], "epoch") else "step"
    points = [(row[x], row[key]) for row in rows if isinstance(row.get(key), int | float) and x in row]
    if not points:
        return np.empty((0, 2))
    places, values = np.array(points, float).T
    return np.array([(place, values[places == place].mean()) for place in np.unique(places)])


def _label_ends(axes: Axes, x: float, ends: Sequence[tuple[float, str, str]]) -> None:
    """Name lines at their right ends, moved apart where they end close together."""
    if not ends:
        return
    low, high = axes.get_ylim()
    gap, previous = 0.055 * (high - low), -np.inf
    for value, words, colour in sorted(ends):
        previous = max(value, previous + gap)
        axes.annotate(
            words,
            (x, previous),
            (7, 0),
            textcoords="offset points",
            color=colour,
            va="center",
            fontsize=8,
            annotation_clip=False,
        )
    left = axes.get_xlim()[0]
    axes.set_xticks([tick for tick in axes.get_xticks() if left <= tick <= x])
    axes.set_xlim(left, x + 0.2 * (x - left))


def one_panel(size: tuple[float, float]) -> tuple[Figure, Axes]:
    """Return a figure of so many inches with one pair of axes."""
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots()


def tidy(*all_axes: Axes) -> None:
    """Remove the upper and right frame lines, and make the labels small."""
    for axes in all_axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def save(figure: Figure, path: Path) -> None:
    """Write the PNG."""
    for axes in figure.axes:
        axes.title.set_fontsize(min(axes.title.get_fontsize(), 10))
    figure.savefig(path, dpi=DPI)
