"""Times on an axis as clocks show them."""

import math

import numpy as np

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
STEPS_S = (
    1, 2, 5, 10, 15, 30, MINUTE_S, 2 * MINUTE_S, 5 * MINUTE_S, 10 * MINUTE_S, 15 * MINUTE_S,
    30 * MINUTE_S, HOUR_S, 2 * HOUR_S, 3 * HOUR_S, 6 * HOUR_S, 12 * HOUR_S, DAY_S,
)  # fmt: skip
MAX_TICKS = 13


def ticks(start_s: float, end_s: float) -> tuple[np.ndarray, list[str], str]:
    """Return where an axis has ticks, in seconds, what they say, and the form of that, such as ``m:ss``."""
    length_s = end_s - start_s
    step_s = next((step for step in STEPS_S if length_s / step <= MAX_TICKS), 0)
    step_s = step_s or DAY_S * math.ceil(length_s / DAY_S / MAX_TICKS)
    places = np.arange(math.ceil(start_s / step_s), math.floor(end_s / step_s + 1e-6) + 1) * step_s
    form = "m:ss" if end_s < HOUR_S else "h:mm" if step_s >= MINUTE_S else "h:mm:ss"
    return places, [_in_form(float(place), form) for place in places], form


def _in_form(seconds: float, form: str) -> str:
    """Return a time as ``m:ss``, ``h:mm`` or ``h:mm:ss``."""
    minutes, rest_s = divmod(round(seconds), 60)
    if form == "m:ss":
        return f"{minutes}:{rest_s:02}"
    return f"{minutes // 60}:{minutes % 60:02}" + (f":{rest_s:02}" if form == "h:mm:ss" else "")
