"""Damage files and say what happens: ``python -m tests.fuzz --count 10000 --seed 0``; Linux only."""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.fuzz import seeds
from tests.fuzz.workers import GOOD, Result, run

TARGETS = ("audio", "checkpoint", "table", "http")


def main() -> None:
    """Run one target and print a report; exit code 1 where something happened that must not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", choices=TARGETS, default="audio", help="what reads the damaged input")
    parser.add_argument("--count", type=int, default=1000, help="how many inputs to try")
    parser.add_argument("--seed", type=int, default=0, help="the number from which all damage is made")
    parser.add_argument("--workers", type=int, default=2, help="processes at once")
    options = parser.parse_args()
    outcomes, faults, peak_mb, n_done = Counter[str](), list[Result](), 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        seeds.write(Path(folder))
        for n_done, result in enumerate(
            run(options.target, options.count, options.seed, Path(folder), options.workers), 1
        ):
            outcomes[result.outcome] += 1
            peak_mb = max(peak_mb, result.peak_mb)
            if result.is_fault:
                faults.append(result)
                print(result, flush=True)
            if n_done % 1000 == 0:
                print(f"{n_done} done, {len(faults)} faults", flush=True)
    print(f"{n_done} inputs of {options.target}, seed {options.seed}; peak memory {peak_mb:.0f} MB")
    print(", ".join(f"{name} {outcomes[name]}" for name in (*GOOD, *sorted(outcomes.keys() - set(GOOD)))))
    sys.exit(f"{len(faults)} faults" if faults else 0)


if __name__ == "__main__":
    main()
