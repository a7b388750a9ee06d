"""Folders that grow: what was added, changed or deleted since (``--watch``)."""

import itertools
import os
from collections.abc import Iterator

from genrestream.errors import UsageError, first_line

try:
    import watchfiles
except ImportError as error:
    raise UsageError("--watch needs watchfiles; pip install 'genrestream[watch]'") from error

QUIET_MS = 2000  # a file that is being copied changes all the time: changes are gathered until none came for so long
GATHERED_MS = 60_000  # but no longer than this


def changes(roots: list[str]) -> Iterator[set[str]]:
    """Begin to watch folders, and return the paths that change from now on, as often as some do.

    Changes are gathered also while nobody asks for them.

    Args:
        roots: Absolute paths of the folders.

    Raises:
        UsageError: One is missing, or the system cannot watch it.
    """
    for root in roots:
        if not os.path.exists(root):
            raise UsageError(f"{root}: no such file or directory; --watch needs one that is there")
    batches = watchfiles.watch(*roots, debounce=GATHERED_MS, step=QUIET_MS, rust_timeout=1, yield_on_timeout=True)
    try:
        first = next(batches)  # only this begins to watch; it comes after QUIET_MS, empty where nothing changed
    except (OSError, RuntimeError) as error:
        cause = first_line(error)
        raise UsageError(f"{', '.join(roots)}: cannot be watched ({cause}); scan it without --watch") from error
    return ({path for _, path in batch} for batch in itertools.chain([first], batches) if batch)
