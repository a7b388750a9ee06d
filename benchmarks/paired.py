"""Paired measurement: two commands or functions in turn, the ratio of their times with an interval."""

import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of a command: seconds on the clock, of processor time, and peak memory of its process in MB."""

    seconds: float
    cpu_s: float
    peak_mb: float


def run(command: Sequence[str], stdin: int | None = None, environment: Mapping[str, str] | None = None) -> Run:
    """Run a command and discard its output.

    Args:
        command: The command and its arguments.
        stdin: Its standard input.
        environment: Variables that are set for it besides those of this process.

    Raises:
        RuntimeError: It failed.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdin=stdin,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **(environment or {})},
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    if status:
        raise RuntimeError(f"{' '.join(command)}: ended with status {status}")
    return Run(
        seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)
    )


class Turns:
    """A process that takes a turn for each line on its standard input, and prints how many seconds it took.

    Args:
        command: Program and arguments.
        environment: Variables that it has besides those of this process.

    Raises:
        OSError: It does not start.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None):
        self._command = " ".join(command)
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})}
        )

    def seconds(self) -> float:
        """Take a turn and return its seconds."""
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self.number()

    def number(self) -> float:
        """Return the next number that it prints.

        Raises:
            RuntimeError: It ended.
        """
        assert self._process.stdout
        if not (line := self._process.stdout.readline()):
            raise RuntimeError(f"{self._command}: ended")
        return float(line)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


def seconds_of(function: Callable[[], object]) -> float:
    """Return how long one call takes."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Return the median of the paired ratios theirs / ours, with its 95 % bootstrap interval."""
    ratios = np.array(theirs) / np.array(ours)
    draws = np.random.default_rng(0).integers(len(ratios), size=(2000, len(ratios)))
    low, high = np.percentile(np.median(ratios[draws], axis=1), [2.5, 97.5])
    return f"{np.median(ratios):.2f} (95 % interval {low:.2f} to {high:.2f}, {len(ratios)} pairs)"
