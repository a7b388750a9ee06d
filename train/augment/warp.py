"""Pitch and tempo: the same music higher, lower, faster or slower.

Resampling changes both together, at little cost. Where they differ, FFmpeg's ``atempo`` (WSOLA: Verhelst and
Roelands 1993) then changes the tempo alone.
"""

import dataclasses
import math
from typing import Any

import av
import av.error
import numpy as np
import soxr
from av.filter import Graph

MARGIN_S = 0.2  # atempo loses some samples at its end
SLOWEST = 0.5  # the smallest ratio of tempo to pitch that atempo takes
SAME = 1e-3  # ratios that are closer count as equal


@dataclasses.dataclass(frozen=True)
class Warp:
    """How music is changed.

    Attributes:
        pitch: Ratio of frequencies, 2 an octave up.
        tempo: Ratio of speeds, 2 twice as fast.
    """

    pitch: float = 1.0
    tempo: float = 1.0

    def source_length(self, n_samples: int, sample_rate: int) -> int:
        """Return how many samples ``apply`` needs to return ``n_samples``."""
        if self == Warp():
            return n_samples
        return math.ceil(n_samples * self.tempo + (MARGIN_S * sample_rate if self._differ else 2))

    def apply(self, waveform: np.ndarray, n_samples: int, sample_rate: int) -> np.ndarray:
        """Return the changed music, shape (n_samples,), float32.

        Args:
            waveform: float32, at least ``source_length`` samples.
            n_samples: How many to return.
            sample_rate: Samples a second.
        """
        if self == Warp():
            return waveform[:n_samples]
        if abs(self.pitch - 1) > SAME:
            waveform = soxr.resample(waveform, self.pitch, 1.0, quality="MQ")
        if self._differ:
            waveform = _atempo(waveform, self.tempo / self.pitch, sample_rate)
        return np.pad(waveform[:n_samples], (0, max(0, n_samples - len(waveform))))

    @property
    def _differ(self) -> bool:
        return abs(self.tempo / self.pitch - 1) > SAME


def _atempo(waveform: np.ndarray, tempo: float, sample_rate: int) -> np.ndarray:
    """Change the tempo and keep the pitch; tempo is from ``SLOWEST`` to 100."""
    graph: Any = Graph()
    source = graph.add_abuffer(sample_rate=sample_rate, format="flt", layout="mono")
    stretch, sink = graph.add("atempo", f"{tempo:.6f}"), graph.add("abuffersink")
    source.link_to(stretch)
    stretch.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(waveform, np.float32)[None], "flt", "mono")
    frame.sample_rate = sample_rate
    graph.push(frame)
    graph.push(None)
    parts = []
    while True:
        try:
            parts.append(graph.pull().to_ndarray()[0])
        except (av.error.BlockingIOError, av.error.EOFError):
            return np.concatenate(parts)
