"""Data flows one way: a folder imports only from those that stand before it in the flow."""

import ast
from pathlib import Path

import pytest

from tests.conftest import ROOT

ORDER = {
    "genrestream": [
        "errors", "files", "lock", "audio", "features", "models", "inference", "export", "voting", "streaming",
        "output", "ways_out", "live", "api", "serve", "library", "teaching", "cli",
    ],
    "train": [
        "command", "data", "augment", "input", "loop", "pretrain", "transfer", "tabular", "evaluation", "publish",
        "study",
    ],
}  # fmt: skip
FILES = [
    path for package in ORDER for path in sorted((ROOT / package).rglob("*.py")) if path.name not in ("__main__.py",)
]


def room_of(path: Path) -> tuple[str, str]:
    """Return a file's package and its place in the package: a folder, or a file of the top level."""
    package, *rest = path.relative_to(ROOT).parts
    return package, rest[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    names |= {f"{node.module}.{one.name}" for node in nodes if isinstance(node, ast.ImportFrom) for one in node.names}
    return names | {one.name for node in nodes if isinstance(node, ast.Import) for one in node.names}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_folder_imports_only_from_those_before_it(path):
    package, room = room_of(path)
    order = ORDER[package]
    if room not in order:  # __init__ and the commands at the top of train may import anything of their package
        assert path.parent == ROOT / package, f"a new folder: put {room} in its place in ORDER"
        return
    later = {f"{package}.{name}" for name in order[order.index(room) + 1 :]}
    assert not [name for name in imports(path) if name in later or name.startswith(tuple(f"{one}." for one in later))]


@pytest.mark.parametrize("path", [path for path in FILES if room_of(path)[0] == "genrestream"], ids=str)
def test_the_package_does_not_import_training(path):
    assert not any(name.split(".")[0] in ("train", "tests", "benchmarks") for name in imports(path))


def test_nothing_imports_a_study():
    users = [path for path in FILES if any(name.startswith("train.study") for name in imports(path))]
    assert all("study" in path.parts for path in users)


def test_folders_stay_small():
    counts: dict[Path, int] = {}
    for path in FILES:
        counts[path.parent] = counts.get(path.parent, 0) + (path.name != "__init__.py")
    assert not {folder: count for folder, count in counts.items() if count > 10}
