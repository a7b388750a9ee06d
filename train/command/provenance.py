"""Where a model comes from, for its card: the command, the commit, the data."""

import functools
import shlex
import subprocess
import sys
from pathlib import Path


@functools.cache  # first asked at the start: another commit may be checked out before the end
def provenance() -> dict[str, str]:
    """Return the command that runs and the commit of its code, ``+`` where files differ from it."""
    return {"command": f"{program()} {shlex.join(sys.argv[1:])}".strip(), "commit": _commit()}


def program() -> str:
    """Return how the running command is called, such as ``python -m train.cnn``."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    name = spec.name.removesuffix(".__main__") if spec else Path(sys.argv[0]).stem
    return f"python -m {name}" if spec else name


def _commit() -> str:
    def git(*arguments: str) -> str:
        here = Path(__file__).parent
        try:
            done = subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, check=False)
        except OSError:  # no git on this machine
            return ""
        return done.stdout.strip()

    commit = git("rev-parse", "--short=12", "HEAD")
    return (commit or "unknown") + ("+" if git("status", "--porcelain", "--", ":/genrestream", ":/train") else "")
