"""Several hosts, each with a part of the music: who has which track, and what they exchange.

jax is imported where it is used: the processes that decode need none.
"""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

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
    from jax.experimental import multihost_utils

    content = np.frombuffer(json.dumps(mine).encode(), np.uint8)
    sizes = np.asarray(multihost_utils.process_allgather(np.array([len(content)]))).ravel()
    padded = np.pad(content, (0, int(sizes.max()) - len(content)))
    every = np.asarray(multihost_utils.process_allgather(padded)).reshape(len(sizes), -1)
    return [json.loads(row[:size].tobytes()) for row, size in zip(every, sizes, strict=True)]
