"""Folders that grow: what was added, changed or deleted since (``--watch``)."""

from collections.abc import Iterator

from genrestream.errors import UsageError

try:
    import watchfiles
except ImportError as error:
    raise UsageError("--watch needs watchfiles; pip install 'genrestream[watch]'") from error

QUIET_MS = 2000  # a file that is being copied changes all the time: changes are gathered until none came for so long


def changes(roots: list[str]) -> Iterator[set[str]]:
    """Yield the paths that changed, as often as some did.

    Args:
        roots: Absolute paths of the folders.
    """
    for batch in watchfiles.watch(*roots, debounce=60_000, step=QUIET_MS, raise_interrupt=True):
        yield {path for _, path in batch}
