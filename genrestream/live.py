"""What a live run has to say beyond its predictions: its state, and what happened to it."""

import dataclasses
from typing import Literal

from genrestream.predictions import Prediction

LiveState = Literal["music", "unsure", "silence", "no input"]


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that happened to the run, worth a line of its own.

    Attributes:
        time_s: When, in seconds of the stream.
        state: The run's state after it.
        message: What happened, in words.
    """

    time_s: float
    state: LiveState
    message: str


@dataclasses.dataclass
class Status:
    """How the run stands; the listener keeps it up to date, the screen reads it.

    Attributes:
        state: Whether there is music, none that the model knows, silence, or no input at all.
        time_s: Where in the stream it is, gaps included.
        level_db: Loudness (RMS) of the last blocks, in dB below full scale.
        peak_db: Their loudest sample.
        is_clipped: Whether a sample of the last second was at full scale.
        hop_s: Seconds between answers now.
        delay_s: From the last chunk's last sample to its line; None before the first answer.
        n_dropped: Blocks dropped, or lost by the device.
        notice: The latest event, in words.
        prediction: The latest answer.
    """

    state: LiveState = "unsure"
    time_s: float = 0.0
    level_db: float = -120.0
    peak_db: float = -120.0
    is_clipped: bool = False
    hop_s: float = 1.0
    delay_s: float | None = None
    n_dropped: int = 0
    notice: str = ""
    prediction: Prediction | None = None


def state_after(prediction: Prediction) -> LiveState:
    """Return the state that an answer tells of: silence is what is silent now, whatever was voted before."""
    return "silence" if prediction.is_silence else prediction.running.state
