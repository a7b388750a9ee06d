"""Classical classifiers on a table of features: chosen, compared, explained, and the best one written as a model.

::

    python -m train.study.classical --table ../shared/data/gtzan/features_30_sec.csv  # k-fold
    python -m train.study.classical --table ../shared/data/gtzan/features_30_sec.csv --protocol songs  # system C
    python -m train.study.classical --table ../shared/data/gtzan/features_30_sec.csv --protocol fault-filtered
    python -m train.study.classical --table runs/features_3_sec.csv --protocol artist
    python -m train.study.classical --table runs/summary.npz  # SS
    python -m train.study.classical --table runs/spectrogram.npz --pca-variance 0.97  # PCA
    genrestream file song.mp3 --model runs/baselines/model

``train.tabular.extract`` makes the last three tables. Parameters are chosen on validation rows inside the training
rows. With the fault-filtered lists the families are compared on the validation list; ``--score-test`` fits the best one
again to training and validation and scores it on the test list.
"""

import dataclasses
import json
import math
import sys
from pathlib import Path

import numpy as np
import tyro

from genrestream.errors import UsageError
from genrestream.features.tabular.columns import COLUMNS
from genrestream.files import write_text
from train.command.entry import entry
from train.command.provenance import provenance
from train.data.readers.gtzan import GENRES
from train.evaluation.metrics import accuracy_interval, macro_f1
from train.study.classical.clusters import Clusters, clusters
from train.study.classical.families import FAMILIES, check_families
from train.study.classical.importance import importance
from train.study.classical.plots import plot_accuracies, plot_clusters, plot_confusions, plot_importance
from train.study.classical.protocols import Division, ProtocolConfig, divisions
from train.study.classical.search import Outcome, evaluate, fit, track_votes
from train.study.classical.to_arrays import can_export, export
from train.tabular.table import Table, read_table


@dataclasses.dataclass(frozen=True)
class BaselinesConfig:
    """What to compare on which table.

    Attributes:
        table: CSV or npz file of features.
        split: How rows are divided.
        families: Which classifiers; by default all.
        genres: The labels that may occur.
        pca_variance: Above 0, columns become the principal components that explain this share of the variance.
        score_test: Score the best family on the fault-filtered test list.
        output: Folder for report.md, report.json, the pictures, and the best model.
        n_jobs: Processes at once; -1 as many as cores.
    """

    table: Path
    split: tyro.conf.OmitArgPrefixes[ProtocolConfig] = ProtocolConfig()
    families: tuple[str, ...] = tuple(FAMILIES)
    genres: tuple[str, ...] = GENRES
    pca_variance: float = 0.0
    score_test: bool = False
    output: Path = Path("runs/baselines")
    n_jobs: int = -1

    def __post_init__(self) -> None:
        check_families(self.families)
        if not 0 <= self.pca_variance < 1:
            raise UsageError(f"--pca-variance {self.pca_variance}: must be from 0 to below 1")


def compare(table: Table, divided: list[Division], config: BaselinesConfig) -> list[Outcome]:
    """Evaluate the families one by one, printing each as it is done."""
    outcomes = []
    for name in config.families:
        is_compared = len(config.families) > 1
        outcomes.append(evaluate(table, divided, name, config.pca_variance, config.n_jobs, is_compared))
        print(_line(outcomes[-1]), flush=True)
    return outcomes


def _line(outcome: Outcome) -> str:
    accuracies = outcome.accuracies
    spread = f" ± {accuracies.std():.3f}" if len(accuracies) > 1 else ""
    validated = "" if math.isnan(outcome.validation[0]) else f"  (validation {outcome.validation[0]:.3f})"
    return f"{outcome.family:34s} {accuracies.mean():.3f}{spread}{validated}"


def summarise(table: Table, outcome: Outcome) -> dict:
    """Return an outcome's figures, tracks pooled over the divisions."""
    votes, labels = track_votes(table, outcome.rows, outcome.probs)
    correct = votes.argmax(axis=1) == labels
    chosen = {json.dumps(parameters) for parameters in outcome.chosen}
    return {
        "family": outcome.family,
        "accuracy": round(float(outcome.accuracies.mean()), 4),
        "sd": round(float(outcome.accuracies.std()), 4),
        "accuracy_95": [round(limit, 4) for limit in accuracy_interval(correct)],
        "macro_f1": round(macro_f1(votes.argmax(axis=1), labels), 4),
        "validation": _rounded(outcome.validation[0]),
        "validation_log_likelihood": _rounded(outcome.validation[1]),
        "chosen": sorted(chosen),
    }


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def report(config: BaselinesConfig, figures: list[dict], found: list[Clusters], test: dict | None) -> str:
    """Return the comparison as Markdown."""
    over = "validation list" if config.split.protocol == "fault-filtered" else "divisions"
    source = provenance()
    lines = [
        f"# {config.table.name}, protocol {config.split.protocol}",
        "",
        f"`{source['command']}` at commit {source['commit']}. Accuracy by track (the mean vote of its rows), mean and"
        f" s.d. over the {over}; the 95 % interval is a bootstrap over all test tracks.",
        "",
        "| classifier | accuracy | 95 % | macro F1 | validation (log likelihood) | chosen |",
        "|---|---|---|---|---|---|",
    ]
    for row in sorted(figures, key=lambda row: -row["accuracy"]):
        low, high = row["accuracy_95"]
        lines.append(
            f"| {row['family']} | {row['accuracy']:.3f} ± {row['sd']:.3f} | {low:.3f} to {high:.3f}"
            f" | {row['macro_f1']:.3f}"
            f" | {_validated(row)} | {'; '.join(row['chosen'][:3])} |"
        )
    if test:
        low, high = test["accuracy_95"]
        said = f"**{test['accuracy']:.3f}** ({low:.3f} to {high:.3f}), macro F1 {test['macro_f1']:.3f}"
        lines += [
            "",
            f"Best by validation: {test['family']}. Fitted to training and validation, on the test list: {said}.",
        ]
    lines += ["", *(f"{one.name}: adjusted Rand index against the genres {one.rand_index:.3f}." for one in found)]
    return "\n".join(lines) + "\n"


def _validated(row: dict) -> str:
    if row["validation"] is None:  # one family alone, without parameters: nothing was chosen
        return "-"
    return f"{row['validation']:.3f} ({row['validation_log_likelihood']:.2f})"


def main(config: BaselinesConfig) -> None:
    """Compare the families, and write the report, the pictures and the best model."""
    table = read_table(config.table, config.genres)
    for name in table.constant_columns():
        print(f"{config.table}: column {name} has one value only, so it carries no information", file=sys.stderr)
    divided = divisions(table, config.split)
    is_listed = config.split.protocol == "fault-filtered"
    compared = [one.on_validation() for one in divided] if is_listed else divided
    outcomes = compare(table, compared, config)
    best = max(outcomes, key=lambda outcome: outcome.validation)
    is_tested = is_listed and config.score_test
    test = evaluate(table, divided, best.family, config.pca_variance, config.n_jobs) if is_tested else None
    figures = [summarise(table, outcome) for outcome in outcomes]
    test_figures = summarise(table, test) if test else None
    found = clusters(table)
    text = report(config, figures, found, test_figures)
    write_text(config.output / "report.md", text)
    written = {"table": config.table.name, "families": figures, "test": test_figures}
    write_text(config.output / "report.json", json.dumps(written, indent=2) + "\n")
    plot_accuracies(outcomes, config.output / "accuracies.png")
    plot_confusions(table, [*outcomes, *([test] if test else [])], config.output / "confusions.png")
    plot_clusters(table, found, config.output / "clusters.png")
    if not config.pca_variance:
        plot_importance(
            importance(table, compared[0], best.family, best.chosen[0], config.n_jobs),
            best.family,
            config.output / "importance.png",
        )
    print(text)
    write_model(table, outcomes, config)


def write_model(table: Table, outcomes: list[Outcome], config: BaselinesConfig) -> None:
    """Fit the best family that can stream to all rows, and write it as a model of genrestream."""
    streamable = [outcome for outcome in outcomes if can_export(outcome.family)]
    if table.columns != COLUMNS or not streamable:
        print("No model is written: only the 57 columns stream, and only linear, kernel and tree models")
        return
    best = max(streamable, key=lambda outcome: outcome.validation)
    rows = np.arange(len(table.labels))
    model = fit(table, rows, best.family, best.chosen[0])
    export(
        config.output / "model", model, table, summarise(table, best), f"{config.table.name}, {config.split.protocol}"
    )
    print(f"{config.output / 'model'}: {best.family}, fitted to all rows; genrestream file SONG --model takes it")


if __name__ == "__main__":
    entry(lambda: main(tyro.cli(BaselinesConfig, description=__doc__, prog="python -m train.study.classical")))
