"""Several hosts, each with a part of the music: who has which track, and what they exchange.

jax is imported where it is used: the processes that decode need none.
"""

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from genrestream.errors import GenrestreamError, OutputError, UsageError, first_line
from train.data.tracks import Track


def assigned(tracks: Sequence[Track], n_hosts: int) -> tuple[Track, ...]:
    """Return the tracks, each with its host: the hosts take turns in each genre."""
    order = sorted(range(len(tracks)), key=lambda number: tracks[number].genre)
    host_of = {number: place % n_hosts for place, number in enumerate(order)}
    return tuple(dataclasses.replace(track, host=host_of[number]) for number, track in enumerate(tracks))


def is_here(track: Track) -> bool:
    """Whether this host has the track."""
    if track.host is None:
        return True
    import jax

    return track.host == jax.process_index()


def all_gathered(mine: Any) -> list[Any]:
    """Return what each host passes, in order; all of them must call it.

    Args:
        mine: What this host passes, as JSON takes it.
    """
    import jax

    if not jax.distributed.is_initialized():
        return [mine]
    from jax.experimental import multihost_utils

    content = np.frombuffer(json.dumps(mine).encode(), np.uint8)
    sizes = np.asarray(multihost_utils.process_allgather(np.array([len(content)]))).ravel()
    padded = np.pad(content, (0, int(sizes.max()) - len(content)))
    every = np.asarray(multihost_utils.process_allgather(padded)).reshape(len(sizes), -1)
    return [json.loads(row[:size].tobytes()) for row, size in zip(every, sizes, strict=True)]


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Run a block in which one host may fail, such as the one that writes: then all hosts fail, with its line.

    Otherwise the others would wait for that host. All must enter the block, and none may wait for another in it.

    Raises:
        UsageError: The block raised it on another host.
        OutputError: The block raised another error there.
    """
    failure: Exception | None = None
    try:
        yield
    except Exception as error:
        failure = error
    said = all_gathered(_said(failure))
    if failure:
        raise failure
    for host, one in enumerate(said):
        if one:
            kind = UsageError if one["is_usage"] else OutputError
            raise kind(f"process {host}: {one['line']}")


def _said(failure: Exception | None) -> dict[str, Any] | None:
    if failure is None:
        return None
    is_known = isinstance(failure, GenrestreamError)
    line = str(failure) if is_known else f"{type(failure).__name__}: {first_line(failure)}"
    return {"line": line, "is_usage": isinstance(failure, UsageError)}
