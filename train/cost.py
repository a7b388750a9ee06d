"""What a model costs: its parameters, and the time for one chunk on this machine."""

import statistics
import time

import numpy as np

from genrestream.checkpoint import Checkpoint
from genrestream.classifier import Classifier
from genrestream.network import load_weights

N_CALLS = 15


def n_parameters(model: Checkpoint) -> int:
    """Return the number of a model's weights, running statistics included."""
    return sum(array.size for array in load_weights(model).values())


def ms_per_chunk(model: Classifier) -> float:
    """Return the median time from a chunk's last sample to its prediction, in ms; other work on the machine counts."""
    frontend = model.card.frontend
    chunk = 0.1 * np.random.default_rng(0).standard_normal(frontend.n_samples, np.float32)
    session, times_s = model.session(hop_s=frontend.n_samples / frontend.sample_rate), []
    for _ in range(N_CALLS):
        began_s = time.perf_counter()
        session.push(chunk, frontend.sample_rate)
        times_s.append(time.perf_counter() - began_s)
    return 1000 * statistics.median(times_s)
