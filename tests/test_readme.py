"""What the README and the examples show is run."""

import re
import subprocess
import sys

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()


def test_the_python_in_the_readme_runs(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})
    assert "metal" in capsys.readouterr().out


def test_the_example_script_runs():
    script = [sys.executable, ROOT / "examples" / "python_api.py"]
    result = subprocess.run(script, capture_output=True, text=True, timeout=120, check=True)
    assert result.stdout.startswith("metal, votes 10/10")


def test_the_readme_names_every_shipped_model():
    for folder in (ROOT / "checkpoints").iterdir():
        assert f"`{folder.name}`" in README
