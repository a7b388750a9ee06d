"""How a stream is cut, voted on and decided: the options that all commands and the Python interface share."""

import dataclasses
import os
from typing import Literal, get_args

from genrestream.audio.formats import Channel, check_channel
from genrestream.errors import OptionError, check_number
from genrestream.voting.rules import Rule, check_half_life

MAX_JOBS = 16  # as many chunks are read ahead
VoteName = Literal["follow", Rule]


@dataclasses.dataclass(frozen=True)
class StreamConfig:
    """How a stream is cut, voted on and decided.

    Attributes:
        hop_s: Seconds from one chunk's start to the next one's.
        vote: What the running probabilities are: of what plays now, where chunks before a change stop counting
            (follow); the mean of all chunks' probabilities; the majority of their choices; or a mean in which old
            chunks fade (decay).
        half_life_s: For the decay vote: seconds after which a chunk counts half.
        min_probability: Under it the answer is unsure; of a tag model, tags under it are not named. The model's own,
            or its thresholds for each label, where not given.
        silence_db: Chunks quieter than this, in dB below full scale, are silence and do not vote, unless they vary as
            music from a quiet microphone does.
        channel: Which channel to use: auto mixes what carries sound; mid, left, right, or a number from 1.
    """

    hop_s: float = 3.0
    vote: VoteName = "follow"
    half_life_s: float = 15.0
    min_probability: float | None = None
    silence_db: float = -60.0
    channel: Channel = "auto"

    def __post_init__(self) -> None:
        check_hop(self.hop_s)
        if self.min_probability is not None:
            check_number("min_probability", self.min_probability, 0, 1, "from 0 to 1")
        check_number("silence_db", self.silence_db, -200, 0, "from -200 to 0 dB")
        check_channel(self.channel)
        if self.vote not in get_args(VoteName):
            raise OptionError("vote", self.vote, f"must be one of {', '.join(get_args(VoteName))}")
        check_half_life(self.half_life_s)


def check_hop(hop_s: float) -> None:
    """Make sure that a hop is possible.

    Raises:
        OptionError: It is not.
    """
    check_number("hop_s", hop_s, 0.05, 3600, "from 0.05 to 3600 seconds")


def n_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_jobs() -> int:
    """Return how many chunks are in work at once where nothing is said: one a core, at most ``MAX_JOBS``."""
    return min(n_cores(), MAX_JOBS)


def check_jobs(jobs: object) -> None:
    """Make sure that so many chunks may be in work at once.

    Raises:
        OptionError: They may not.
    """
    if not isinstance(jobs, int) or isinstance(jobs, bool) or not 1 <= jobs <= MAX_JOBS:
        raise OptionError("jobs", jobs, f"must be a whole number from 1 to {MAX_JOBS}")
