"""The state of a live run, and the events that it reports beside its predictions."""

import dataclasses
from datetime import datetime
from typing import Any, Literal, get_args

from genrestream.streaming.predictions import Prediction, State, iso

LiveState = State | Literal["no input"]
# Its values; a run is never a mix, which only a whole stream can be.
STATES = tuple(state for kind in get_args(LiveState) for state in get_args(kind) if state != "mix")
LIVE = ("music", "unsure")  # states in which the running answer is about what is on now


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that happened to a run, such as an input that was lost or a station's new title.

    Attributes:
        time_s: When, in seconds of the stream.
        state: The run's state after it.
        message: What happened, in words.
        time: Of a live run: when it happened, with the local zone.
    """

    time_s: float
    state: LiveState
    message: str
    time: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, ready for JSON."""
        return {
            "time_s": round(self.time_s, 6),
            "time": iso(self.time),
            "state": self.state,
            "message": self.message,
        }


@dataclasses.dataclass
class Status:
    """A live run at one moment; the listener updates it, the screen shows it.

    Attributes:
        source: The name of the input.
        state: Music, music that the model is unsure of, speech, noise, silence, nothing yet, or no input.
        time_s: The position in the stream, gaps included.
        level_db: Loudness (RMS) of the last blocks, in dB below full scale.
        peak_db: The loudest sample of the last blocks, in dB below full scale.
        is_clipped: Whether a sample of the last second was at full scale.
        hop_s: Seconds between answers at the moment.
        delay_s: Seconds from the last chunk's last sample to its output; None before the first answer.
        n_dropped: Blocks dropped by genrestream or lost by the device.
        notice: The latest event, in words; empty once it is old.
        prediction: The latest answer.
        title: What a radio station says is playing; empty where nobody says it.
    """

    source: str = ""
    state: LiveState = "nothing"
    time_s: float = 0.0
    level_db: float = -120.0
    peak_db: float = -120.0
    is_clipped: bool = False
    hop_s: float = 1.0
    delay_s: float | None = None
    n_dropped: int = 0
    notice: str = ""
    prediction: Prediction | None = None
    title: str = ""


def state_after(prediction: Prediction) -> LiveState:
    """Return the state after a chunk.

    The follow vote says what is on now. The others say what was most of the time, so that with them a chunk that is no
    music speaks for itself. Silence is measured, so it needs no vote.
    """
    is_on_now = prediction.kind == "silence" or (prediction.running.since_s is None and prediction.kind != "music")
    return prediction.kind if is_on_now else prediction.running.state


def title_event(time_s: float, state: LiveState, title: str, time: datetime | None = None) -> Event:
    """Return the event of a station's new title."""
    return Event(time_s, state, f"title: {title}", time)
