"""Processes that try one damaged input after another, so that one that dies, hangs or grows is found and named."""

import dataclasses
import importlib
import multiprocessing
import resource
import signal
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

HANG_S = 20.0  # of computing for one input
WAIT_S = 180.0  # until an input that computes nothing is given up, too; a busy machine starves a process for long
PEAK_MB = 600.0
LIMIT_BYTES = 4 << 30  # of a worker's address space; beyond it an allocation fails
GOOD = ("read", "reported", "refused", "claimed", "untold")


@dataclasses.dataclass(frozen=True)
class Result:
    """How one input went.

    Attributes:
        target: What read it.
        number: Its number; with the seed number it is made again.
        what: Which input was damaged, and how.
        outcome: ``read`` to its end, ``reported`` as damaged, ``refused`` with an error of ours, ``claimed`` where the
            damaged header itself tells a shorter length, ``untold`` where it tells none any more; else what must not
            happen.
        text: The message or traceback.
        peak_mb: The most memory that the process held.
    """

    target: str
    number: int
    what: str
    outcome: str
    text: str = ""
    peak_mb: float = 0.0

    @property
    def is_fault(self) -> bool:
        """Whether this must not happen."""
        return self.outcome not in GOOD or self.peak_mb > PEAK_MB or len(self.text.splitlines()) > 1

    def __str__(self) -> str:
        return f"{self.target} {self.number} ({self.what}): {self.outcome}, {self.peak_mb:.0f} MB {self.text}".rstrip()


def run(
    target: str, count: int, seed: int, folder: Path, n_workers: int = 2, hang_s: float = HANG_S
) -> Iterator[Result]:
    """Yield the result of each input.

    Args:
        target: A module of this folder, with a function ``attempt``.
        count: How many inputs to try.
        seed: From which all of the damage is made.
        folder: Where the seeds are and where workers may write.
        n_workers: Processes at once.
        hang_s: Seconds of computing after which an input hangs.
    """
    workers = [Worker(target, seed, folder, hang_s) for _ in range(n_workers)]
    with ThreadPoolExecutor(n_workers) as pool:
        try:
            for start in range(0, count, 100):
                numbers = range(start, min(count, start + 100))
                parts = [pool.submit(worker.attempts, numbers[i::n_workers]) for i, worker in enumerate(workers)]
                yield from (result for part in parts for result in part.result())
        finally:
            for worker in workers:
                worker.close()


class Worker:
    """A process that is started again where it ended."""

    def __init__(self, target: str, seed: int, folder: Path, hang_s: float):
        self._target, self._arguments = target, (target, seed, folder, hang_s)
        self._start()

    def attempts(self, numbers: range) -> list[Result]:
        """Try inputs by their numbers."""
        return [self._attempt(number) for number in numbers]

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def _attempt(self, number: int) -> Result:
        try:
            self._pipe.send(number)
            if self._pipe.poll(WAIT_S):
                return self._pipe.recv()
            outcome = "hang"
        except (EOFError, OSError):
            self._process.join()
            code = self._process.exitcode or 0
            name = signal.Signals(-code).name if code < 0 else code
            outcome = "hang" if code == -signal.SIGPROF else f"crash ({name})"
        self.close()
        self._start()
        return Result(self._target, number, "unknown", outcome)

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process: Any = context.Process(target=_serve, args=(theirs, *self._arguments), daemon=True)
        self._process.start()
        theirs.close()


def _serve(pipe: Connection, target: str, seed: int, folder: Path, hang_s: float) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    attempt = importlib.import_module(f"tests.fuzz.{target}").attempt
    while True:
        number = pipe.recv()
        signal.setitimer(signal.ITIMER_PROF, hang_s)  # its signal ends the process
        Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
        try:
            what, outcome, text = attempt(folder, number, np.random.default_rng([seed, number]))
        except Exception:
            what, outcome, text = "unknown", "traceback", traceback.format_exc()
        signal.setitimer(signal.ITIMER_PROF, 0)
        pipe.send(Result(target, number, what, outcome, text, _peak_mb()))


def _peak_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
