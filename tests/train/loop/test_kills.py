"""A training that is killed at random points ends as one that nothing disturbed, bit for bit.

By hand with more kills: ``GENRESTREAM_KILLS=100 pytest -n 0 -s tests/train/loop/test_kills.py``.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.train.loop.test_run import arguments, metrics, weights

N_KILLS = int(os.environ.get("GENRESTREAM_KILLS", "3"))
MORE = ("--n-epochs", 8, "--save-steps", 1)
# Imports once, which takes seconds, then forks a training for each line; jax has no threads before its first use.
FORKS = """
import json, os, runpy, sys
import train.loop.run
for line in sys.stdin:
    if not (process := os.fork()):
        sys.argv = json.loads(line)
        for stream in (1, 2):
            os.dup2(os.open(sys.argv[0], os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
        runpy.run_module("train.cnn", run_name="__main__", alter_sys=True)
        os._exit(0)
    print(process, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
"""


@pytest.fixture
def forks():
    if not hasattr(os, "fork"):
        pytest.skip("no fork on this system")
    command = [sys.executable, "-c", FORKS]
    with subprocess.Popen(command, text=True, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def lived(forks, data, output, seconds=None):
    """Train until the end, or until killed after so many seconds; return the exit code."""
    command = [str(output.with_suffix(".log")), *arguments(data, output, *MORE, "--resume")[3:]]
    forks.stdin.write(json.dumps(command) + "\n")
    forks.stdin.flush()
    process = int(forks.stdout.readline())
    if seconds is not None:
        time.sleep(seconds)
        with contextlib.suppress(ProcessLookupError):  # it had ended
            os.kill(process, signal.SIGKILL)
    code = int(forks.stdout.readline())
    assert code in (0, -signal.SIGKILL), output.with_suffix(".log").read_text()
    return code


def test_killed_at_random_points(forks, data, tmp_path):
    whole = tmp_path / "whole"
    lived(forks, data, whole)
    begin = time.monotonic()
    lived(forks, data, tmp_path / "again")
    longest_s = time.monotonic() - begin  # what it compiles is cached by now
    n_kills, n_runs, chance = 0, 0, random.Random()
    while n_kills < N_KILLS:
        output, n_runs = tmp_path / f"run{n_runs}", n_runs + 1
        while n_kills < N_KILLS and lived(forks, data, output, chance.uniform(0, longest_s)):
            n_kills += 1
        lived(forks, data, output)
        print(f"{n_kills} kills in {n_runs} runs", flush=True)
        assert metrics(output) == metrics(whole)
        for name, array in weights(whole).items():
            np.testing.assert_array_equal(weights(output)[name], array, err_msg=name)
        assert not list((output / "state").glob("*.part"))
