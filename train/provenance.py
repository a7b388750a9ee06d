"""Where a model comes from, for its card: the command, the commit, the data."""

import shlex
import subprocess
import sys
from pathlib import Path


def provenance() -> dict[str, str]:
    """Return the command that runs and the commit of its code, ``+`` where files differ from it."""
    module = Path(sys.argv[0]).stem
    arguments = shlex.join(sys.argv[1:])
    return {"command": f"python -m train.{module} {arguments}".strip(), "commit": _commit()}


def _commit() -> str:
    def git(*arguments: str) -> str:
        here = Path(__file__).parent
        return subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, check=False).stdout.strip()

    commit = git("rev-parse", "--short=12", "HEAD")
    return (commit or "unknown") + ("+" if git("status", "--porcelain", "--", "genrestream", "train") else "")
