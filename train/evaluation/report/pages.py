"""The report: ``report.md`` with its pictures, and ``report.json`` with every number in it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genrestream.files import writing
from train.evaluation.report import interval_plots
from train.evaluation.report.markdown import interval, p_value, table
from train.evaluation.report.sections import HEADLINE, Figures, headline, in_words, of_system
from train.evaluation.runs import System
from train.evaluation.scores import Scored


def write(
    folder: Path, facts: Figures, systems: Sequence[System], scores: Mapping[str, Scored], numbers: Figures
) -> None:
    """Write the report's files.

    Args:
        folder: The report's folder; made if needed.
        facts: What was done: command, commit, data, tracks.
        systems: What was evaluated, in the order of the report.
        scores: The first seed's scores of each system, by its name.
        numbers: ``systems``: the figures of each model by name; ``pairs``: the comparisons.

    Raises:
        OutputError: They cannot be written.
    """
    with writing(folder):
        _write(folder, facts, systems, scores, numbers)


def _write(
    folder: Path, facts: Figures, systems: Sequence[System], scores: Mapping[str, Scored], numbers: Figures
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps({"facts": facts, **numbers}, indent=1, default=_plain) + "\n")
    lines = ["# Evaluation", "", *_facts(facts)]
    for system in systems:
        warning = f"**Warning.** {system.warning}." if system.warning else ""
        lines += [warning, ""] if warning else []
    if len(systems) > 1:
        lines += _comparison(folder, numbers)
    for system in systems:
        lines += of_system(folder, system, scores[system.name], numbers["systems"][system.name])
    (folder / "report.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)


def _facts(facts: Figures) -> list[str]:
    return [
        *(f"- {name}: {value}" for name, value in facts.items()),
        "- A track's answer is the stream's: the mean vote over its chunks.",
        "- Brackets are 95 % intervals over tracks: Wilson's of a share of one model's tracks, else by bootstrap.",
        "",
    ]


def _comparison(folder: Path, numbers: Figures) -> list[str]:
    systems = numbers["systems"]
    interval_plots.comparison(folder / "comparison.png", systems, "accuracy of whole tracks and of single chunks")
    interval_plots.by_genre(
        folder / "comparison_genres.png", {name: s["by_genre"] for name, s in systems.items()}, "F1 by genre"
    )
    lines = ["## Comparison", ""]
    lines += table(["model", *HEADLINE], [[name, *headline(figures)] for name, figures in systems.items()])
    lines += ["![accuracy](comparison.png)", "", "![F1 by genre](comparison_genres.png)", ""]
    lines += _pairs(numbers["pairs"])
    tables = {name: figures["robustness"] for name, figures in systems.items() if "robustness" in figures}
    if len(tables) > 1:
        interval_plots.robustness(folder / "comparison_robustness.png", in_words(tables), "the same tracks, distorted")
        lines += ["![robustness](comparison_robustness.png)", ""]
    return lines


def _pairs(pairs: Sequence[Figures]) -> list[str]:
    if not pairs:
        return ["No two models were scored on the same tracks, so there is no paired test.", ""]
    rows = [
        [
            f"{pair['first']} - {pair['second']}",
            pair["n_tracks"],
            f"{pair['difference']:+.3f} {interval(pair['difference_95'])}",
            pair["only_first"],
            pair["only_second"],
            p_value(pair["p"]),
            p_value(pair["p_holm"]),
        ]
        for pair in pairs
    ]
    head = ["pair", "tracks", "difference", "only the first right", "only the second", "p", "p (Holm)"]
    text = "Paired on the same tracks; McNemar's exact test, adjusted for the number of pairs by Holm:"
    return [text, "", *table(head, rows)]
