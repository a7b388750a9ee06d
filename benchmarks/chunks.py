"""How long each shipped model takes for a chunk of 3 s, front end included, on all cores; the models in turn.

::

    python -m benchmarks.chunks      # a minute
"""

from functools import partial

import numpy as np

from benchmarks.paired import seconds_of
from genrestream.inference import shipped
from genrestream.inference.checkpoint import read
from genrestream.inference.program import Program

N_ROUNDS, WARM_UP = 60, 5


def main() -> None:
    """Print the median and the shortest time of each model."""
    models, rng = [read(shipped.find(name)) for name in shipped.names()], np.random.default_rng(0)
    calls = {}
    for model in models:
        chunk = rng.normal(scale=0.1, size=(1, model.card.frontend.n_samples)).astype(np.float32)
        calls[model.card.name] = partial(Program(model), chunk)
    rounds = [{name: seconds_of(call) for name, call in calls.items()} for _ in range(WARM_UP + N_ROUNDS)][WARM_UP:]
    for name in calls:
        of_model = [one[name] for one in rounds]
        median_ms, least_ms = 1000 * np.median(of_model), 1000 * min(of_model)
        print(f"{name}: median {median_ms:.1f} ms, shortest {least_ms:.1f} ms of {N_ROUNDS}", flush=True)


if __name__ == "__main__":
    main()
