"""Data flows one way: a module imports only what stands before it."""

import ast
from pathlib import Path

import pytest

from tests.conftest import ROOT

ORDER = [
    "errors", "cache", "audio", "resample", "chunks", "frontend", "log_mel", "stft", "medians", "hpss", "chroma",
    "spectral", "tempo", "tabular", "features", "models.layers", "models.convolution", "models.recurrent",
    "models.classical", "models.cnn", "models.cnn_lstm",
    "models.crnn", "models.mlp", "models.musicnn", "models", "checkpoint", "network",
    "program", "vote", "predictions", "session", "classifier", "live", "text", "records", "screen", "plot",
    "segments", "segment_files", "sinks", "signals", "feed", "level", "devices", "microphone", "realtime", "recording",
    "stats", "live_screen",
    "commands", "run", "listen", "cli", "__main__",
]  # fmt: skip


def imports(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    named = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    named |= {
        f"{node.module}.{alias.name}" for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    return named | {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT / "genrestream").with_suffix("").parts).removesuffix(".__init__")


MODULES = [
    path
    for path in sorted((ROOT / "genrestream").rglob("*.py"))
    if path.parent.name + path.name != "genrestream__init__.py"
]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_imports_only_what_stands_before_it(path):
    assert name_of(path) in ORDER, "a new module: put it in its place in ORDER"
    later = ORDER[ORDER.index(name_of(path)) :]
    if path.name == "commands.py":
        later = [name for name in later if name not in ("run", "listen")]  # imported to run: --help needs no jax
    assert not imports(path) & {f"genrestream.{name}" for name in later}


def test_the_package_does_not_import_training():
    for path in MODULES:
        assert not any(name.split(".")[0] in ("train", "tests", "benchmarks") for name in imports(path))
