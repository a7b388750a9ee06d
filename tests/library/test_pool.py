"""Workers that die, by a fault of the system or of a decoder: what the scan says, and which file is blamed."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from genrestream.inference import checkpoint, shipped
from genrestream.library.table.track import Found
from genrestream.library.work.batcher import Batcher
from genrestream.library.work.pool import Pool
from genrestream.library.work.settings import WorkerError, WorkerSettings, environment
from tests.conftest import encode, music

NO_THREADS = """
from concurrent.futures import ThreadPoolExecutor

def submit(*_):
    raise RuntimeError("can't start new thread")

ThreadPoolExecutor.submit = submit
"""
# A decoder that crashes while the worker's other thread has begun a later file.
CRASH = """
import os, sys, time

def hook(event, arguments):
    if event == "open" and str(arguments[0]).endswith("crash.wav"):
        time.sleep(1)
        os.abort()

sys.addaudithook(hook)
"""


@pytest.fixture
def fault(tmp_path, monkeypatch):
    """Returns a function that lets each worker run some code first."""

    def into_each_worker(code: str) -> None:
        (tmp_path / "faults").mkdir()
        (tmp_path / "faults" / "sitecustomize.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'faults'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")

    return into_each_worker


@pytest.mark.parametrize("package", ["jax_plugins/xla_cuda12", "libtpu"])
def test_workers_leave_a_device_to_the_scan(tmp_path, monkeypatch, package):
    before = environment()
    (tmp_path / package).mkdir(parents=True)
    (tmp_path / package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert environment() == before | {"JAX_PLATFORMS": "cpu"}


def songs(folder: Path, *names: str) -> list[Found]:
    paths = [encode(folder / name, music(4, seed=len(name)), 16_000, "pcm_s16le") for name in names]
    return [Found(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]


def test_workers_that_die_before_any_file_end_the_scan(tmp_path, fault, cache):
    fault(NO_THREADS)
    line = (
        r"3 worker .* before they began a file, the last one ended with code 1; free memory or processes, or give fewer"
    )
    settings = WorkerSettings("cnn", 30.0, sends_chunks=True)
    with Pool(settings, 1) as pool, pytest.raises(WorkerError, match=line):
        list(pool.answers(iter(songs(tmp_path, "song.wav")), lambda _: False))


def test_of_two_files_in_work_the_one_that_crashes_is_blamed(tmp_path, fault, cache):
    card = checkpoint.read(shipped.find("cnn")).card
    n_outputs = card.n_outputs

    def logits_of(samples: np.ndarray) -> np.ndarray:
        time.sleep(3)  # the other file waits for this when the process crashes
        return np.zeros((len(samples), n_outputs), np.float32)

    fault(CRASH)
    files = songs(tmp_path, "crash.wav", "other.wav", "another.wav")
    batcher = Batcher(logits_of, 4, card.frontend.n_samples, lambda error: pool.fail(error))
    with Pool(WorkerSettings("cnn", 30.0, sends_chunks=True), 1, batcher) as pool:
        answers = {Path(one.found.path).name: one for one in pool.answers(iter(files), lambda _: False)}
    batcher.close()
    assert sorted(answers) == ["another.wav", "crash.wav", "other.wav"]
    assert "the process that decoded it was killed by signal 6" in answers["crash.wav"].error
    assert answers["other.wav"].row
    assert answers["another.wav"].row
