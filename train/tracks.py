"""Labelled music: what a track is, and a set of them."""

import dataclasses
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Track:
    """One labelled recording, or a part of one.

    Attributes:
        name: Its name in the split lists, such as ``blues.00000``.
        path: Its file.
        genre: Its label.
        split: ``train``, ``validation`` or ``test`` of published lists, or ``none``.
        fold: Its published fold, from 0; -1 where there is none.
        artist: Who plays; empty where unknown.
        start_s: Where a part of a recording begins, in seconds; None for the whole recording.
        seconds: Its length; None until it was decoded.
    """

    name: str
    path: Path
    genre: str
    split: str = "none"
    fold: int = -1
    artist: str = ""
    start_s: float | None = None
    seconds: float | None = None
