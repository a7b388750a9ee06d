"""Exported files, used as another program would: by ONNX Runtime, jax.export and safetensors alone."""

import importlib.util
import json
import sys

import numpy as np
import pytest

from genrestream.cli.main import main
from genrestream.features.config import frontend_to_json
from genrestream.inference.checkpoint import read
from genrestream.inference.network import load_weights
from genrestream.inference.program import Program
from genrestream.inference.shipped import find
from tests.conftest import command

JAX2ONNX = importlib.util.find_spec("jax2onnx")
WITH_JAX2ONNX = pytest.mark.skipif(not JAX2ONNX, reason="needs jax2onnx: pip install --no-deps jax2onnx")


def chunk_of(name: str) -> np.ndarray:
    n_samples = read(find(name)).card.frontend.n_samples
    return np.random.default_rng(1).normal(scale=0.05, size=(1, n_samples)).astype(np.float32)


@WITH_JAX2ONNX
@pytest.mark.parametrize("name", ["musicnn-yamnet", "cnn_lstm"])
def test_onnx_runtime_gives_our_logits(tmp_path, name):
    onnxruntime = pytest.importorskip("onnxruntime")
    done = command("export", name, tmp_path / "model.onnx")  # the tests' type checks do not know jax2onnx's arrays
    assert done.returncode == 0, done.stderr
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    logits = session.run(["logits"], {"waveform": chunk_of(name)})[0]
    np.testing.assert_allclose(logits, Program(read(find(name)))(chunk_of(name)), atol=1e-4)
    facts = session.get_modelmeta().custom_metadata_map
    assert json.loads(facts["labels"]) == list(read(find(name)).card.labels)
    assert float(facts["temperature"]) == read(find(name)).card.temperature
    beside = json.loads((tmp_path / "model.onnx.json").read_text())  # a browser cannot read the metadata
    assert beside["labels"] == json.loads(facts["labels"])


@pytest.mark.parametrize("batch", [1, 3])
def test_stablehlo_gives_our_logits(tmp_path, batch):
    pytest.importorskip("flatbuffers")
    from jax import export

    file = tmp_path / "model.stablehlo"
    assert main(["export", "cnn", str(file), "--batch", str(batch)]) == 0
    chunks = np.repeat(chunk_of("cnn"), batch, axis=0)
    logits = export.deserialize(bytearray(file.read_bytes())).call(chunks)
    np.testing.assert_allclose(np.asarray(logits), Program(read(find("cnn")))(chunks), atol=1e-4)
    assert json.loads((tmp_path / "model.stablehlo.json").read_text())["sample_rate"] == 16_000


def test_safetensors_have_the_weights_and_the_facts(tmp_path):
    safetensors = pytest.importorskip("safetensors")
    file, model = tmp_path / "weights", read(find("cnn"))
    assert main(["export", "cnn", "--to", "safetensors", str(file)]) == 0
    with safetensors.safe_open(file, framework="numpy") as stored:
        assert json.loads(stored.metadata()["frontend"]) == frontend_to_json(model.card.frontend)
        for name, array in load_weights(model).items():
            np.testing.assert_array_equal(stored.get_tensor(name), array)


def test_a_file_without_a_name_is_named_after_the_model(tmp_path):
    done = command("export", "mlp", "--to", "safetensors", cwd=tmp_path)
    assert done.returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["mlp.safetensors"]


def test_what_is_missing_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jax2onnx", None)
    assert main(["export", "cnn", str(tmp_path / "model.onnx")]) == 2
    assert "pip install --no-deps jax2onnx" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["cnn"], "name a model and a file"),
        (["cnn", "model.tflite"], "its suffix names no format"),
        (["nothing", "model.onnx"], "no such model"),
        (["cnn", "nowhere/model.onnx"], "make it first"),
        (["cnn", "model.onnx", "--batch", "0"], "--batch 0: must be"),
    ],
)
def test_wrong_usage_is_one_line(tmp_path, arguments, said):
    done = command("export", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert said in done.stderr
