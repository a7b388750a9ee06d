"""The picture of a day: a lane for each hour, in which the stretches lie as on a clock."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from genrestream.output.colours import colour, text_colour
from genrestream.output.plot.drawing import DPI, FAINT, HATCHES, INK, NAME_SIZE, SMALL_SIZE, TITLE_SIZE
from genrestream.output.plot.lettering import families, width_in
from genrestream.output.text import clock, printable

WIDTH_IN, LEFT_IN, RIGHT_IN, TOP_IN, BOTTOM_IN, LANE_IN = 10.0, 0.8, 0.4, 0.7, 1.0, 0.36
N_NAMED = 12  # in the legend
HOUR_MIN = 60.0

Stretch = tuple[datetime, datetime, str]


def draw_day(stretches: Sequence[Stretch], title: str, path: str) -> None:
    """Draw a day and write the picture in the format that the path's suffix names.

    Args:
        stretches: Start, end and genre of each, in order; at least one.
        title: What stands over it.
        path: A .png, .svg or .pdf.
    """
    parts = [part for one in stretches for part in _by_hour(*one)]
    hours = _hours(parts)
    names = [printable(title), *(printable(genre) for _, _, genre in stretches)]
    style: Any = {"text.parse_math": False, "hatch.linewidth": 0.7, "font.family": families("".join(names))}
    with matplotlib.rc_context(style):
        high_in = TOP_IN + LANE_IN * len(hours) + BOTTOM_IN
        figure = Figure(figsize=(WIDTH_IN, high_in))
        wide_in = WIDTH_IN - LEFT_IN - RIGHT_IN
        box = (LEFT_IN / WIDTH_IN, BOTTOM_IN / high_in, wide_in / WIDTH_IN, LANE_IN * len(hours) / high_in)
        axes = figure.add_axes(box, xlim=(0, HOUR_MIN), ylim=(len(hours), 0))
        axes.spines[:].set_visible(False)
        axes.set_xticks(range(0, 61, 5))
        axes.set_yticks([lane + 0.5 for lane in range(len(hours))], [f"{hour:%H:%M}" for hour in hours])
        axes.tick_params(labelsize=SMALL_SIZE, colors=FAINT, length=0)
        axes.set_xlabel("minute of the hour", size=SMALL_SIZE, color=FAINT)
        axes.text(0, -0.5, printable(title), size=TITLE_SIZE, weight="bold", color=INK)
        for lane in range(len(hours)):
            axes.add_patch(Rectangle((0, lane + 0.06), HOUR_MIN, 0.88, fc="#f3f3f3", lw=0))
        for hour, (start_min, end_min), genre in parts:
            own, hatch = colour(genre), HATCHES.get(genre)
            place = (start_min, hours.index(hour) + 0.06), end_min - start_min, 0.88
            axes.add_patch(Rectangle(*place, fc="white" if hatch else own, ec=own, hatch=hatch, lw=0))
            room_in = (end_min - start_min) / HOUR_MIN * wide_in
            if not hatch and width_in(genre, SMALL_SIZE, "bold") + 0.1 < room_in:
                ink = text_colour(own)
                where = (start_min + 0.3, hours.index(hour) + 0.5)
                axes.text(*where, genre, size=SMALL_SIZE, weight="bold", color=ink, va="center_baseline")
        _legend(figure, stretches)
        figure.savefig(path, dpi=DPI, format=Path(path).suffix[1:].lower())


def _by_hour(start: datetime, end: datetime, genre: str) -> list[tuple[datetime, tuple[float, float], str]]:
    """Return a stretch's parts: the hour, from and to which of its minutes, and the genre."""
    parts = []
    while start < end:
        hour = start.replace(minute=0, second=0, microsecond=0)
        until = min(end, hour + timedelta(hours=1))
        parts.append((hour, ((start - hour).total_seconds() / 60, (until - hour).total_seconds() / 60), genre))
        start = until
    return parts


def _hours(parts: Sequence[tuple[datetime, tuple[float, float], str]]) -> list[datetime]:
    """Return all hours from the first to the last."""
    hours = [min(hour for hour, _, _ in parts)]
    while hours[-1] < max(hour for hour, _, _ in parts):
        hours.append(hours[-1] + timedelta(hours=1))
    return hours


def _legend(figure: Figure, stretches: Sequence[Stretch]) -> None:
    """Say how long each genre was on, the longest first."""
    seconds: Counter[str] = Counter()
    for start, end, genre in stretches:
        seconds[genre] += round((end - start).total_seconds())
    handles = [
        Patch(
            fc="white" if genre in HATCHES else colour(genre), ec=colour(genre), hatch=HATCHES.get(genre), lw=0,
            label=f"{printable(genre)} {clock(length, tenths=False)}",
        )
        for genre, length in seconds.most_common(N_NAMED)
    ]  # fmt: skip
    figure.legend(
        handles=handles, loc="lower center", ncols=6, frameon=False, fontsize=NAME_SIZE - 1, labelcolor=FAINT,
    )  # fmt: skip
