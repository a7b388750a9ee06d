"""The front door is short, and what the documentation names exists."""

import importlib.util
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "train/README.md", "examples/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]


def test_the_readme_is_short():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 130
    assert len(text.split()) <= 1200


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_and_commands_exist(page: Path):
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", text)
    assert not [link for link in links if not (page.parent / link).exists()]
    modules = set(re.findall(r"python -m ((?:train|benchmarks|genrestream)[\w.]*)", text))
    assert not [name for name in modules if importlib.util.find_spec(name.rstrip(".")) is None]


def test_each_shipped_model_has_a_page():
    pages = {page.stem for page in (ROOT / "docs" / "models").glob("*.md")} - {"index"}
    assert pages == {folder.name for folder in (ROOT / "checkpoints").iterdir()}
