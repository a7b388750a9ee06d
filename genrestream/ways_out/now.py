"""What is on now, as other programs receive it: the same for the page, MQTT, OSC, webhooks and commands."""

import dataclasses
from datetime import datetime
from typing import Any

from genrestream.output.text import votes_in_words
from genrestream.streaming.predictions import iso
from genrestream.streaming.status import LIVE, LiveState, Status

MAIN = "main"  # the name of an input that is the only one


@dataclasses.dataclass(frozen=True)
class Now:
    """An input at one moment.

    Attributes:
        input: Its name, ``main`` where there is one only.
        source: What it listens to: a device, path or address.
        model: The model's name.
        time: Wall-clock time, with the local zone.
        time_s: Seconds of the stream so far.
        state: ``music``, ``unsure``, ``speech``, ``noise``, ``silence``, ``nothing`` or ``no input``.
        genres: The named labels, most probable first; none in other states than ``music``.
        probability: Of the leading label, 0 to 1; None in other states than ``music`` and ``unsure``.
        probs: Running probability of each label; of what was on before, where no music is on. Empty before the first
            answer.
        votes: ``n`` of ``m`` in words, such as ``rock 7/10 since 0:41``; empty before the first vote.
        since_s: Since when the answer holds, in seconds of the stream.
        level_db: Loudness (RMS) in dB below full scale.
        peak_db: The loudest sample, in dB below full scale.
        is_clipped: Whether a sample of the last second was at full scale.
        delay_s: From the last chunk's last sample to its answer.
        hop_s: Seconds between two answers.
        n_dropped: Blocks lost so far.
        title: What a radio station says is playing.
        notice: What happened lately, in words.
    """

    input: str
    source: str
    model: str
    time: datetime
    time_s: float
    state: LiveState
    genres: tuple[str, ...]
    probability: float | None
    probs: dict[str, float]
    votes: str
    since_s: float | None
    level_db: float
    peak_db: float
    is_clipped: bool
    delay_s: float | None
    hop_s: float
    n_dropped: int
    title: str
    notice: str

    @property
    def genre(self) -> str:
        """The named label or labels in words, or the state where there is none."""
        return " + ".join(self.genres) or self.state

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, ready for JSON."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        rounded = {name: round(value, 4) for name, value in fields.items() if isinstance(value, float)}
        probs = {label: round(prob, 4) for label, prob in self.probs.items()}
        return (
            fields
            | rounded
            | {"genre": self.genre, "genres": list(self.genres), "probs": probs, "time": iso(self.time)}
        )


def now_of(name: str, source: str, model: str, status: Status) -> Now:
    """Return what a live run's status says.

    Args:
        name: The input's name.
        source: What it listens to.
        model: The model's name.
        status: The status, which the listener goes on changing.
    """
    running = status.prediction.running if status.prediction else None
    live = running if running and status.state in LIVE and running.n_votes else None
    return Now(
        input=name, source=source, model=model, time=datetime.now().astimezone(), time_s=status.time_s,
        state=status.state, genres=live.genres if live and status.state == "music" else (),
        probability=live.probability if live else None, probs=running.probs if running else {},
        votes=votes_in_words(live) if live else "", since_s=live.since_s if live else None,
        level_db=status.level_db, peak_db=status.peak_db, is_clipped=status.is_clipped, delay_s=status.delay_s,
        hop_s=status.hop_s, n_dropped=status.n_dropped, title=status.title, notice=status.notice,
    )  # fmt: skip
