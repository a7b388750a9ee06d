"""The pictures of ``train.study.classical``: accuracies, confusions, importance, clusters."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from genrestream.output.colours import colour
from train.evaluation.report.plots import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY
from train.study.classical.clusters import Clusters
from train.study.classical.search import Outcome, track_votes
from train.tabular.table import Table

CLUSTERS = (
    BLUE, ORANGE, GREEN, PURPLE, "#E69F00", SKY, BLACK, "#999999", "#8B4513", "#6A3D9A",
)  # fmt: skip
MARKERS = "os^Dv<>Pph*X"
DPI = 120


def plot_accuracies(outcomes: Sequence[Outcome], path: Path) -> None:
    """Draw each classifier's accuracy by division as dots, its mean as a bar."""
    ordered = sorted(outcomes, key=lambda outcome: outcome.accuracies.mean())
    figure = Figure(figsize=(8, 0.6 + 0.36 * len(ordered)), layout="constrained")
    axes = figure.subplots()
    rng = np.random.default_rng(0)
    for place, outcome in enumerate(ordered):
        scores = outcome.accuracies
        axes.barh(place, scores.mean(), color=GREY, height=0.7)
        jitter = rng.uniform(-0.2, 0.2, size=len(scores)) if len(scores) > 1 else np.zeros(1)
        axes.plot(scores, place + jitter, "o", color=BLUE, ms=3, alpha=0.6)
        axes.text(1.0, place, f"{scores.mean():.3f} ± {scores.std():.3f}", va="center", ha="right", fontsize=8)
    axes.set_yticks(range(len(ordered)), [outcome.family for outcome in ordered])
    axes.set(xlim=(0, 1), ylim=(-0.6, len(ordered) - 0.4), xlabel="accuracy by track (dots: each division; bar: mean)")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=DPI)


def plot_confusions(table: Table, outcomes: Sequence[Outcome], path: Path) -> None:
    """Draw a confusion matrix for each classifier: the share of each genre's tracks (rows) by answer (columns)."""
    n_columns = min(3, len(outcomes))
    n_rows = math.ceil(len(outcomes) / n_columns)
    figure = Figure(figsize=(4.6 * n_columns, 4.3 * n_rows), layout="constrained")
    panels = np.ravel(figure.subplots(n_rows, n_columns, squeeze=False))
    for axes, outcome in zip(panels, outcomes, strict=False):
        votes, labels = track_votes(table, outcome.rows, outcome.probs)
        counts = np.zeros((len(table.genres),) * 2)
        np.add.at(counts, (labels, votes.argmax(axis=1)), 1)
        shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for row, column in np.argwhere(counts):
            ink = "white" if shares[row, column] > 0.55 else "black"
            axes.text(column, row, f"{100 * shares[row, column]:.0f}", ha="center", va="center", fontsize=7, color=ink)
        axes.set_xticks(range(len(table.genres)), table.genres, rotation=60, ha="right", fontsize=7)
        axes.set_yticks(range(len(table.genres)), table.genres, fontsize=7)
        axes.set_title(f"{outcome.family}: {outcome.accuracies.mean():.3f}", fontsize=9)
        axes.spines[:].set_visible(False)
    for axes in panels[len(outcomes) :]:
        axes.set_visible(False)
    figure.supylabel("true genre", fontsize=9)
    figure.supxlabel("answer, % of the genre's tracks", fontsize=9)
    figure.savefig(path, dpi=DPI)


def plot_importance(losses: dict[str, tuple[float, float]], family: str, path: Path, n_shown: int = 25) -> None:
    """Draw what accuracy each feature's shuffling costs, the largest on top."""
    shown = list(losses.items())[:n_shown][::-1]
    figure = Figure(figsize=(7, 0.8 + 0.25 * len(shown)), layout="constrained")
    axes = figure.subplots()
    means, deviations = np.array([loss for _, loss in shown]).T
    axes.barh(range(len(shown)), means, xerr=deviations, color=BLUE, ecolor="0.3", height=0.7, error_kw={"lw": 1})
    axes.set_yticks(range(len(shown)), [name for name, _ in shown], fontsize=8)
    axes.axvline(0, color="black", lw=0.8)
    axes.set(
        xlabel="accuracy lost by shuffling (mean and s.d. of 10 shuffles)", title=f"Permutation importance, {family}"
    )
    axes.set_ylim(-0.6, len(shown) - 0.4)
    axes.spines[["top", "right", "left"]].set_visible(False)
    figure.savefig(path, dpi=DPI)


def plot_clusters(table: Table, found: Sequence[Clusters], path: Path) -> None:
    """Draw the rows on two principal components, by genre and by each clustering."""
    figure = Figure(figsize=(5 * (1 + len(found)), 5.6), layout="constrained")
    panels = figure.subplots(1, 1 + len(found), sharex=True, sharey=True)
    kinds = [("genres", table.labels, table.genres)]
    kinds += [(f"{one.name}, adjusted Rand index {one.rand_index:.2f}", one.of_row, None) for one in found]
    for axes, (title, of_row, names) in zip(panels, kinds, strict=True):
        for kind in np.unique(of_row):
            rows = found[0].map[of_row == kind]
            of_kind = colour(names[kind]) if names else CLUSTERS[kind % len(CLUSTERS)]
            style = {"marker": MARKERS[kind % len(MARKERS)], "color": of_kind}
            axes.scatter(*rows.T, s=11, alpha=0.6, label=names[kind] if names else None, linewidths=0, **style)
        axes.set(title=title, xlabel="first principal component", xticks=[], yticks=[])
    panels[0].set_ylabel("second principal component")
    figure.legend(loc="outside lower center", ncols=10, fontsize=8, markerscale=2)
    figure.savefig(path, dpi=DPI)
