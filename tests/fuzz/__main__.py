"""Damage files and say what happens: ``python -m tests.fuzz --count 10000 --seed 0``; Linux only."""

import argparse
import contextlib
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.fuzz import seeds
from tests.fuzz.workers import GOOD, run

TARGETS = ("audio", "checkpoint", "table", "http")
PROGRESS = 500  # inputs from one line of progress to the next


class Report:
    """What happened so far."""

    def __init__(self) -> None:
        self.outcomes, self.peak_mb, self.n_faults = Counter[str](), 0.0, 0

    def add(self, result) -> None:
        """Count a result, and print it where it must not happen."""
        self.outcomes[result.outcome] += 1
        self.peak_mb = max(self.peak_mb, result.peak_mb)
        self.n_faults += result.is_fault
        if result.is_fault:
            print(result, flush=True)
        if self.outcomes.total() % PROGRESS == 0:
            print(self, flush=True)

    def __str__(self) -> str:
        names = (*GOOD, *sorted(self.outcomes.keys() - set(GOOD)))
        counts = ", ".join(f"{name} {self.outcomes[name]}" for name in names)
        return f"{self.outcomes.total()} inputs: {counts}; peak memory {self.peak_mb:.0f} MB; {self.n_faults} faults"


def main() -> None:
    """Run one target and print a report, also after Ctrl-C; exit code 1 where something happened that must not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", choices=TARGETS, default="audio", help="what reads the damaged input")
    parser.add_argument("--count", type=int, default=1000, help="how many inputs to try")
    parser.add_argument("--seed", type=int, default=0, help="the number from which all damage is made")
    parser.add_argument("--workers", type=int, default=2, help="processes at once")
    options, report = parser.parse_args(), Report()
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(KeyboardInterrupt):
        seeds.write(Path(folder))
        for result in run(options.target, options.count, options.seed, Path(folder), options.workers):
            report.add(result)
    print(f"{options.target}, seed {options.seed}: {report}")
    sys.exit(report.n_faults > 0)


if __name__ == "__main__":
    main()
