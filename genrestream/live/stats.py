"""Statistics of a live run, in constant memory: delays, computing time, peak memory."""

import math
import sys
import time

import numpy as np

BINS_PER_DECADE, SHORTEST_S, LONGEST_S = 100, 1e-4, 1e4  # a bin is 2.3 % wide


class Delays:
    """Percentiles of any number of delays, from a histogram with logarithmic bins."""

    def __init__(self) -> None:
        n_bins = round(math.log10(LONGEST_S / SHORTEST_S) * BINS_PER_DECADE)
        self._counts = np.zeros(n_bins + 1, np.int64)
        self.longest_s = 0.0

    def add(self, delay_s: float) -> None:
        """Add a delay."""
        place = math.log10(max(delay_s, SHORTEST_S) / SHORTEST_S) * BINS_PER_DECADE
        self._counts[min(math.ceil(place), len(self._counts) - 1)] += 1
        self.longest_s = max(self.longest_s, delay_s)

    def percentile_s(self, percent: float) -> float:
        """Return the percentile of the delays, at most 2.3 % too high; 0 if there were none."""
        n_delays = int(self._counts.sum())
        if not n_delays:
            return 0.0
        place = int(np.searchsorted(np.cumsum(self._counts), percent / 100 * n_delays))
        return min(self.longest_s, SHORTEST_S * 10 ** (place / BINS_PER_DECADE))


class Stats:
    """The statistics that ``--stats`` prints."""

    def __init__(self) -> None:
        self.delays = Delays()
        self.n_answers = 0
        self.busy_s = 0.0
        self._began_s, self._began_cpu_s = time.monotonic(), time.process_time()

    def lines(self, received_s: float, n_dropped: int, n_overflows: int) -> list[str]:
        """Return the report as lines of text."""
        delays, elapsed_s = self.delays, time.monotonic() - self._began_s
        cpu = (time.process_time() - self._began_cpu_s) / max(elapsed_s, 1e-9)
        memory_mb = peak_memory_mb()
        percentiles = ", ".join(f"p{percent} {1000 * delays.percentile_s(percent):.0f} ms" for percent in (50, 95))
        factor = self.busy_s / max(received_s, 1e-9)
        return [
            f"real-time factor {factor:.4f} (computing {self.busy_s:.1f} s for {received_s:.1f} s)",
            f"delay from a chunk's last sample to its line: {percentiles}, max {1000 * delays.longest_s:.0f} ms"
            f" ({self.n_answers} answers)",
            f"dropped blocks {n_dropped}, device overflows {n_overflows}",
            f"CPU {100 * cpu:.1f} % of one core",
            f"peak memory {memory_mb:.0f} MB" if memory_mb else "peak memory unknown on this system",
        ]


def peak_memory_mb() -> float | None:
    """Return the most memory that this process ever held, in MB; None if the system does not report it."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
