"""The training's processes on this machine's cores and memory, each tried in a process of its own."""

import os
import subprocess
import sys

import pytest

from genrestream.streaming.config import n_cores
from tests.conftest import ROOT

MOST_THAT_DIVIDE = max(n for n in range(1, n_cores() + 1) if 1680 % n == 0)


@pytest.mark.parametrize(
    ("flags", "batch_size", "expected"),
    [("", 997, 1), ("--xla_force_host_platform_device_count=3", 997, 3), ("", 1680, MOST_THAT_DIVIDE)],
)
def test_cores_are_devices_as_far_as_they_divide_the_batch(flags, batch_size, expected):
    """A batch of a prime above the cores stays on one device; who set the number of devices keeps it."""
    code = (
        f"import jax, train.loop.sharding; train.loop.sharding.use_every_core({batch_size}); print(jax.device_count())"
    )
    environment = {name: value for name, value in os.environ.items() if name != "JAX_NUM_CPU_DEVICES"}
    environment |= {"XLA_FLAGS": flags}
    assert int(output_of(code, environment)) == expected


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be set to keep memory")
def test_memory_is_kept_for_the_next_step():
    """An array as large as the last one, which is gone, lies where that one lay: no page is new."""
    code = """if True:
        import resource, sys
        import numpy as np
        from train.loop.sharding import keep_memory
        if "keep" in sys.argv:
            keep_memory()
        def new_pages():
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            np.ones(20_000_000)
            return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
        new_pages()
        print(new_pages())
    """
    assert int(output_of(code, dict(os.environ), "keep")) < 10 < int(output_of(code, dict(os.environ)))


def output_of(code: str, environment: dict[str, str], *arguments: str) -> str:
    """Return what a Python process prints."""
    run = [sys.executable, "-c", code, *arguments]
    return subprocess.run(
        run, check=True, cwd=ROOT, env=environment, timeout=300, capture_output=True, text=True
    ).stdout
