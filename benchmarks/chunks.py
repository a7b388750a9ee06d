"""How long each shipped model takes for a chunk of 3 s, front end included, on all cores; the models in turn.

::

    python -m benchmarks.chunks      # a minute
"""

import time

import numpy as np

from genrestream.inference import shipped
from genrestream.inference.checkpoint import read
from genrestream.inference.program import Program

N_ROUNDS, WARM_UP = 60, 5


def main() -> None:
    """Print the median and the shortest time of each model."""
    programs = {name: Program(read(shipped.find(name))) for name in shipped.names()}
    rng, times = np.random.default_rng(0), {name: list[float]() for name in programs}
    chunks = {
        name: rng.normal(scale=0.1, size=(1, one.checkpoint.card.frontend.n_samples)) for name, one in programs.items()
    }
    for number in range(WARM_UP + N_ROUNDS):
        for name, program in programs.items():
            chunk = chunks[name].astype(np.float32)
            began_s = time.perf_counter()
            program(chunk)
            if number >= WARM_UP:
                times[name].append(time.perf_counter() - began_s)
    for name, of_model in times.items():
        median_ms, least_ms = 1000 * np.median(of_model), 1000 * min(of_model)
        print(f"{name}: median {median_ms:.1f} ms, shortest {least_ms:.1f} ms of {N_ROUNDS}", flush=True)


if __name__ == "__main__":
    main()
