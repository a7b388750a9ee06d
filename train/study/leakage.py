"""How much higher a score is when the same songs or artists are in training and test: one table.

::

    python -m train.study.leakage --table ../shared/data/gtzan/features_30_sec.csv --protocols random k-fold
    python -m train.study.leakage --table runs/features_3_sec.csv --protocols random k-fold artist fault-filtered

The same classifiers, with parameters chosen inside the training rows each time. ``random`` puts chunks of one song on
both sides, ``k-fold`` keeps songs together, ``artist`` and ``fault-filtered`` keep artists and copies of a recording
together too. Each run with ``fault-filtered`` scores the test list, so do not choose models by it.
"""

import dataclasses
from pathlib import Path

import numpy as np
import tyro

from genrestream.files import write_text
from train.command.entry import entry
from train.command.provenance import provenance
from train.study.classical.families import check_families
from train.study.classical.protocols import Protocol, ProtocolConfig, divisions
from train.study.classical.search import Outcome, evaluate
from train.tabular.table import Table, read_table


@dataclasses.dataclass(frozen=True)
class LeakageConfig:
    """What to compare.

    Attributes:
        table: CSV or npz file of features.
        protocols: How rows are divided.
        families: Which classifiers.
        output: The report.
        n_jobs: Processes at once; -1 as many as cores.
    """

    table: Path
    protocols: tuple[Protocol, ...] = ("random", "k-fold", "fault-filtered")
    families: tuple[str, ...] = ("SVM", "MLP", "logistic regression")
    output: Path = Path("runs/leakage.md")
    n_jobs: int = -1

    def __post_init__(self) -> None:
        check_families(self.families)


def row_accuracy(table: Table, outcome: Outcome) -> float:
    """Return the share of rows that are classified correctly."""
    return float((outcome.probs.argmax(axis=1) == table.labels[outcome.rows]).mean())


def main(config: LeakageConfig) -> None:
    """Write and print the table."""
    table = read_table(config.table)
    has_chunks = len(np.unique(table.tracks)) < len(table.tracks)
    lines = [
        f"`{provenance()['command']}`: accuracy by track" + (" / by chunk" if has_chunks else ""),
        "",
        f"| {config.table.name} | {' | '.join(config.protocols)} |",
        "|---" * (1 + len(config.protocols)) + "|",
    ]
    for family in config.families:
        cells = []
        for protocol in config.protocols:
            divided = divisions(table, ProtocolConfig(protocol))
            outcome = evaluate(table, divided, family, n_jobs=config.n_jobs, is_compared=False)
            cells.append(f"{outcome.accuracies.mean():.3f}")
            cells[-1] += f" / {row_accuracy(table, outcome):.3f}" if has_chunks else ""
            print(f"{family}, {protocol}: {cells[-1]}", flush=True)
        lines.append(f"| {family} | {' | '.join(cells)} |")
    text = "\n".join(lines) + "\n"
    write_text(config.output, text)
    print(text)


if __name__ == "__main__":
    entry(lambda: main(tyro.cli(LeakageConfig, description=__doc__, prog="python -m train.study.leakage")))
