import re
import shutil

import jax
import numpy as np
import pytest

from genrestream.inference import shipped
from genrestream.inference.checkpoint import read
from genrestream.inference.engines import runtime
from genrestream.inference.engines.bare import bare
from genrestream.inference.engines.traced import read_traced, traced_file, write_traced
from genrestream.inference.network import batch_function, likes_of, load_weights, next_function
from genrestream.inference.program import Program
from genrestream.inference.shipped import find
from tests.conftest import music
from tests.inference.test_program import in_a_process

usable = pytest.mark.skipif(
    not runtime.is_usable(), reason="this jaxlib was not tried without jax, or has settings here"
)
MLP = find("mlp")


def chunk_of(card):
    return np.resize(music(3, card.frontend.sample_rate), (1, card.frontend.n_samples))


@usable
@pytest.mark.parametrize("name", shipped.names())
def test_the_traced_function_is_that_of_the_code(name, tmp_path, monkeypatch):
    """Where this fails the network was changed: ``python -m train.publish.traced checkpoints/*``."""
    monkeypatch.setenv("GENRESTREAM_CACHE", str(tmp_path))
    model = read(find(name))
    chunk = chunk_of(model.card)
    expected, _ = jax.jit(batch_function(model.card))(load_weights(model), chunk)
    compiled = bare(model)
    assert compiled
    np.testing.assert_allclose(compiled.run("batch", 1, chunk)[0], expected, atol=1e-4)
    traced = read_traced(model.path / "traced" / "batch-1.z")
    assert traced.weights == likes_of(model.card)
    assert not re.findall(rb"/[\w.-]+/[\w./-]+\.py", traced.program)  # no path of the machine that traced


@usable
@pytest.mark.parametrize("name", ["musicnn", "musicnn-tags", "musicnn-yamnet"])
def test_that_of_the_next_chunk_too(name, tmp_path, monkeypatch):
    monkeypatch.setenv("GENRESTREAM_CACHE", str(tmp_path))
    model = read(find(name))
    weights, chunk = load_weights(model), chunk_of(model.card)
    _, kept = jax.jit(batch_function(model.card))(weights, chunk)
    later = np.roll(chunk, -63 * 256, axis=1)
    expected, _ = jax.jit(next_function(model.card, 63))(weights, later, kept, np.int32(63))
    compiled = bare(model)
    assert compiled
    assert compiled.has("next", 63)
    in_order = Program(model).in_order(16_000)
    assert in_order
    in_order(chunk, 0, 1.0, True)
    np.testing.assert_allclose(in_order(later, 63 * 256, 1.0, True), expected, atol=1e-4)
    assert len(list((tmp_path / "programs").iterdir())) == 2


@usable
def test_the_first_start_needs_no_jax(tmp_path):
    code = """
import sys, genrestream
genrestream.load("musicnn").session(hop_s=1)
print("jax" in sys.modules)
"""
    assert in_a_process(code, GENRESTREAM_CACHE=str(tmp_path)).stdout == "False\n"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package whose only model is a copy of one."""
    monkeypatch.setenv("GENRESTREAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(shipped, "PACKAGE", tmp_path / "package")
    model = tmp_path / "package" / "checkpoints" / "mlp"
    shutil.copytree(MLP, model)
    return read(model)


@usable
@pytest.mark.parametrize("damage", ["missing", "cut", "other results", "other program", "changed"])
def test_where_it_cannot_be_used_jax_does_the_work(package, damage, monkeypatch):
    file = package.path / "traced" / "batch-1.z"
    traced = read_traced(file)
    if damage == "missing":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[:-100])
    elif damage == "changed":  # another jaxlib
        monkeypatch.setattr(runtime, "QUICK", {"no such option": True})
    else:
        traced.results[0] = traced.results[0] + (damage == "other results")
        program = traced.program[:-9] if damage == "other program" else traced.program
        write_traced(file, type(traced)(program, traced.weights, traced.inputs, traced.results))
    chunk = chunk_of(package.card)
    expected, _ = jax.jit(batch_function(package.card))(load_weights(package), chunk)
    np.testing.assert_allclose(Program(package)(chunk), expected, atol=1e-5)


def test_a_strangers_is_not_used(tmp_path, monkeypatch):
    """A traced function becomes machine code."""
    monkeypatch.setenv("GENRESTREAM_MODELS", str(tmp_path))
    for name in ("mlp", "mine"):
        shutil.copytree(find("mlp"), tmp_path / name)
        assert traced_file(read(tmp_path / name), "batch", 1) is None
    assert traced_file(read(find("mlp")), "batch", 1)
