"""The traced functions of a shipped model are written anew."""

import shutil

import numpy as np

from genrestream.inference import shipped
from genrestream.inference.checkpoint import read
from genrestream.inference.engines.traced import read_traced
from train.publish.traced import trace


def test_only_what_was_written_stays(tmp_path, monkeypatch):
    model = tmp_path / "package" / "checkpoints" / "mlp"
    shutil.copytree(shipped.find("mlp"), model)
    monkeypatch.setattr(shipped, "PACKAGE", tmp_path / "package")
    before = read_traced(model / "traced" / "batch-1.z")
    (model / "traced" / "next-9.z").touch()
    assert trace(read(model)) == [*(model / "traced").iterdir()] == [model / "traced" / "batch-1.z"]
    after = read_traced(model / "traced" / "batch-1.z")
    assert after.weights == before.weights
    for one, other in zip(after.results, before.results, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
