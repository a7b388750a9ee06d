"""Where a model comes from, for its card: the command and the commit."""

import functools
import shlex
import subprocess
import sys
from pathlib import Path, PurePosixPath, PureWindowsPath


@functools.cache  # commands call it at their start: another commit may be checked out before their end
def provenance() -> dict[str, str]:
    """Return the command that runs and the commit of its code, ``+`` where files differ from it.

    Absolute paths are cut to their last part, since a model's card is public.
    """
    arguments = shlex.join(map(_public, sys.argv[1:]))
    return {"command": f"{program()} {arguments}".strip(), "commit": _commit()}


def folder_name(path: Path) -> str:
    """Return a folder's own name, without the path to it."""
    return path.resolve().name


def _public(argument: str) -> str:
    """Cut an absolute path, as an argument or after ``--option=``, to its last part."""
    option, equals, value = argument.partition("=") if argument.startswith("-") else ("", "", argument)
    for flavour in (PurePosixPath, PureWindowsPath):
        if flavour(value).is_absolute() or value.startswith("~"):
            return f"{option}{equals}{flavour(value).name}"
    return argument


def program() -> str:
    """Return the name of the running command, such as ``python -m train.cnn``."""
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
