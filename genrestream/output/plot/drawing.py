"""The picture: the segments as blocks, and under them each genre's running probability.

All is placed by hand, in inches on one pair of axes, so that what fits is known before it is drawn.
"""

import itertools
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from genrestream.inference.tree import ARROW
from genrestream.output.colours import colour, text_colour
from genrestream.output.plot.lettering import cut_end, cut_start, families, width_in
from genrestream.output.plot.spectrogram import Spectrogram
from genrestream.output.plot.ticks import ticks
from genrestream.output.plot.timeline import Timeline
from genrestream.output.text import printable
from genrestream.streaming.history import NO_INPUT
from genrestream.streaming.predictions import Segment

MAX_ROWS = 10
DPI = 150
WIDTH_IN, RIGHT_IN, TOP_IN, BOTTOM_IN = 10.0, 0.6, 0.85, 0.6
LANE_IN, LEVEL_IN, GAP_IN, ROW_IN, ROW_GAP_IN = 0.9, 0.7, 0.35, 0.32, 0.1
MAX_NAME_IN, PAD_IN, LINE_IN, HEAD_IN = 1.6, 0.04, 0.17, 0.4  # the head holds the names where there is a background
MARKS_HZ = {100: "100 Hz", 1000: "1 kHz", 5000: "5 kHz"}  # on the spectrogram
TITLE_SIZE, NAME_SIZE, SMALL_SIZE, TINY_SIZE = 12.0, 10.0, 8.5, 7.0
INK, FAINT, EMPTY = "#222222", "#666666", "#f3f3f3"
HATCHES = {"silence": "..", "speech": "///", "noise": "xxx", NO_INPUT: "\\\\\\"}
QUIETEST_DB = -60.0  # where the loudness has no height


def draw(
    timeline: Timeline,
    title: str,
    subtitle: str,
    segments: Sequence[Segment],
    path: str,
    background: Spectrogram | Literal["none", "level"] = "none",
) -> None:
    """Draw a stream and write the picture in the format that the path's suffix names.

    Args:
        timeline: The stream; at least one column.
        title: The source's name, of any length; its end is shown.
        subtitle: What the stream is, in words.
        segments: Its segments, in order; without them only the running probabilities are drawn.
        path: A .png, .svg or .pdf.
        background: What is drawn in the segments: nothing, the loudness, or a spectrogram.
    """
    title, subtitle = printable(title), printable(subtitle)
    fonts = families("".join((title, subtitle, *timeline.labels)))
    style: Any = {"text.parse_math": False, "hatch.linewidth": 0.7, "font.family": fonts}
    with matplotlib.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # no installed font has it: a box stands for it
        logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # a font without bold is no fault
        figure = _Picture(timeline, segments, background).figure(title, subtitle)
        figure.savefig(path, dpi=DPI, format=Path(path).suffix[1:].lower())


class _Picture:
    """One picture; positions are in seconds across and in inches up."""

    def __init__(
        self, timeline: Timeline, segments: Sequence[Segment], background: Spectrogram | Literal["none", "level"]
    ):
        self._timeline, self._segments, self._background = timeline, segments, background
        self._is_plain = background == "none"
        self._rows = _rows(timeline, segments)
        self._names = [_shortened(row) for row in self._rows]
        self._rows_in = len(self._rows) * (ROW_IN + ROW_GAP_IN)
        self._lane_low_in = self._rows_in + GAP_IN
        self._height_in = self._lane_low_in + (LANE_IN + (not self._is_plain) * LEVEL_IN if segments else 0)
        self._left_in = 0.3 + max(0.5, *(width_in(name, NAME_SIZE, "bold") for name in self._names), 0)
        self._width_in = WIDTH_IN - self._left_in - RIGHT_IN
        columns = timeline.columns
        self._centres_s = np.array([(column.start_s + column.end_s) / 2 for column in columns])
        self._levels = np.clip([1 - column.level_db / QUIETEST_DB for column in columns], 0, 1)
        self._start_s = columns[0].start_s
        self._end_s = max(columns[-1].end_s, *(segment.end_s for segment in segments), self._start_s + 1e-3)

    def figure(self, title: str, subtitle: str) -> Figure:
        """Draw it."""
        height_in = TOP_IN + self._height_in + BOTTOM_IN
        figure = Figure(figsize=(WIDTH_IN, height_in))
        box = (self._left_in / WIDTH_IN, BOTTOM_IN / height_in, self._width_in / WIDTH_IN, self._height_in / height_in)
        axes = figure.add_axes(box, xlim=(self._start_s, self._end_s), ylim=(0, self._height_in), yticks=[])
        axes.spines[:].set_visible(False)
        self._title(axes, title, subtitle)
        self._time_axis(axes)
        named = {segment.genre: self._block(axes, segment) for segment in sorted(self._segments, key=_length_s)}
        if isinstance(self._background, Spectrogram) and self._segments:
            self._bands(axes, self._background)
        self._legend(axes, [state for state in HATCHES if named.get(state) is False])
        self._forgotten(axes)
        if self._rows:
            self._small(axes, self._start_s, self._rows_in + 0.1, "running probability, 0 to 1")
            self._small(axes, self._end_s + self._seconds(0.1), self._rows_in + 0.1, "at end")
        for number in range(len(self._rows)):
            self._row(axes, number)
        return figure

    def _seconds(self, inches: float) -> float:
        return inches / self._width_in * (self._end_s - self._start_s)

    def _small(self, axes: Axes, at_s: float, up_in: float, text: str, align: str = "left") -> None:
        axes.text(at_s, up_in, text, size=SMALL_SIZE, color=FAINT, ha=align, va="center")

    def _title(self, axes: Axes, title: str, subtitle: str) -> None:
        room_in = WIDTH_IN - self._left_in - 0.2
        title = cut_start(title, TITLE_SIZE, "bold", room_in)
        subtitle = cut_end(subtitle, NAME_SIZE, "normal", room_in)
        top_in = self._height_in
        axes.text(self._start_s, top_in + 0.42, title, size=TITLE_SIZE, weight="bold", color=INK)
        axes.text(self._start_s, top_in + 0.17, subtitle, size=NAME_SIZE, color=FAINT)

    def _time_axis(self, axes: Axes) -> None:
        places, words, form = ticks(self._start_s, self._end_s)
        axes.set_xticks(places, words)
        axes.tick_params(axis="x", labelsize=SMALL_SIZE, colors=FAINT, length=3)
        axes.set_xlabel(f"time, {form}", size=SMALL_SIZE, color=FAINT)

    def _block(self, axes: Axes, segment: Segment) -> bool:
        """Draw a segment; return whether its name had room."""
        length_s, own, hatch = _length_s(segment), colour(segment.genre), HATCHES.get(segment.genre)
        wide_in = length_s / (self._end_s - self._start_s) * self._width_in
        back = "white" if hatch else own if self._is_plain else _mixed(own, "white", 0.75)
        place = (segment.start_s, self._lane_low_in), length_s, self._height_in - self._lane_low_in
        axes.add_patch(Rectangle(*place, fc=back, ec=own, hatch=hatch, lw=0))
        if self._background == "level" and segment.genre != NO_INPUT:
            self._level(axes, segment, own)
        if wide_in > 0.05 and segment is not self._segments[0]:  # lines between narrow blocks would hide them
            axes.vlines(segment.start_s, self._lane_low_in, self._height_in, color="white", lw=1)
        return self._name(axes, segment, wide_in, back)

    def _level(self, axes: Axes, segment: Segment, own: str) -> None:
        """Draw the loudness in the lower part of a block, mirrored as waveforms are."""
        inside = (segment.start_s < self._centres_s) & (self._centres_s < segment.end_s)
        own_or_all = inside if inside.any() else slice(None)  # what is before and after must not bend its ends
        times_s = np.array([segment.start_s, *self._centres_s[inside], segment.end_s])
        most_in = (LANE_IN + LEVEL_IN - HEAD_IN) / 2
        half_in = most_in * np.interp(times_s, self._centres_s[own_or_all], self._levels[own_or_all])
        middle_in = self._lane_low_in + most_in
        axes.fill_between(times_s, middle_in - half_in, middle_in + half_in, color=own, lw=0)

    def _bands(self, axes: Axes, heard: Spectrogram) -> None:
        """Draw the spectrogram in the lower part of the blocks, dark where it is loud."""
        high_in = self._height_in - HEAD_IN
        shares = heard.shares(self._start_s, self._end_s).T
        pixels = np.zeros((*shares.shape, 4))
        pixels[..., :3], pixels[..., 3] = to_rgb(INK), np.nan_to_num(shares) ** 2  # what is loud stands out
        # It begins and ends with whole columns.
        first = round(self._start_s / heard.width_s)
        place = (first * heard.width_s, (first + shares.shape[1]) * heard.width_s, self._lane_low_in, high_in)
        axes.imshow(pixels, extent=place, origin="lower", aspect="auto", interpolation="antialiased", zorder=2)
        bands_hz = heard.bands_hz()
        for mark_hz, name in MARKS_HZ.items():
            if bands_hz[0] < mark_hz < bands_hz[-1]:
                share = (np.interp(mark_hz, bands_hz, np.arange(len(bands_hz))) + 0.5) / len(bands_hz)
                up_in = self._lane_low_in + share * (high_in - self._lane_low_in)
                self._small(axes, self._start_s - self._seconds(0.1), up_in, name, "right")

    def _name(self, axes: Axes, segment: Segment, wide_in: float, back: str) -> bool:
        """Write a segment's name into its block; return whether it fits."""
        room_in = LANE_IN if self._is_plain else HEAD_IN
        look = _fitting(segment.genre, wide_in, room_in)
        if look:
            is_state = segment.genre in HATCHES
            ink, box = (FAINT, {"fc": "white", "ec": "none", "pad": 2}) if is_state else (text_colour(back), None)
            middle_s = (segment.start_s + segment.end_s) / 2
            style = {"weight": "bold", "color": ink, "bbox": box, "ha": "center", "va": "center", **look}
            axes.text(middle_s, self._height_in - room_in / 2, **style)
        return look is not None

    def _legend(self, axes: Axes, states: Sequence[str]) -> None:
        """Say what the hatching means where no block had room for it."""
        handles = [Patch(fc="white", ec=colour(state), hatch=HATCHES[state], lw=0, label=state) for state in states]
        if handles:
            place = {"loc": "upper right", "bbox_to_anchor": (1, self._lane_low_in / self._height_in)}
            style = {"frameon": False, "fontsize": SMALL_SIZE, "labelcolor": FAINT, "borderaxespad": 0.2}
            axes.legend(handles=handles, ncols=len(handles), **place, **style)

    def _forgotten(self, axes: Axes) -> None:
        """Say so where the first segments of a long stream were not kept."""
        if self._segments and self._segments[0].start_s > self._start_s + 0.1 * (self._end_s - self._start_s):
            middle_s = (self._start_s + self._segments[0].start_s) / 2
            middle_in = (self._lane_low_in + self._height_in) / 2
            self._small(axes, middle_s, middle_in, "earlier\nsegments\nnot kept", "center")

    def _row(self, axes: Axes, number: int) -> None:
        """Draw one genre's running probability, its height from 0 to 1."""
        label, columns = self._rows[number], self._timeline.columns
        own, at = colour(label), self._timeline.labels.index(label)
        low_in = self._rows_in - (number + 1) * (ROW_IN + ROW_GAP_IN) + ROW_GAP_IN
        times_s = [*(column.start_s for column in columns), self._end_s]
        probs = np.array([*(column.probs[at] for column in columns), columns[-1].probs[at]])
        axes.add_patch(Rectangle((self._start_s, low_in), self._end_s - self._start_s, ROW_IN, fc=EMPTY, lw=0))
        axes.fill_between(times_s, low_in, low_in + ROW_IN * probs, color=own, lw=0, step="post")
        edge = _mixed(own, "black", 0.3)  # pale colours need an outline on white
        axes.step(times_s, low_in + ROW_IN * probs, where="post", color=edge, lw=0.7)
        for segment in self._segments:
            if segment.genre == NO_INPUT:
                place = (segment.start_s, low_in - 0.02), _length_s(segment), ROW_IN + 0.04
                axes.add_patch(Rectangle(*place, fc="white", lw=0, zorder=3))
        middle_in, beside_s = low_in + ROW_IN / 2, self._seconds(0.1)
        style = {"size": NAME_SIZE, "va": "center_baseline"}
        axes.text(
            self._start_s - beside_s, middle_in, self._names[number], weight="bold", color=INK, ha="right", **style
        )
        axes.text(self._end_s + beside_s, middle_in, f"{probs[-1]:.2f}", color=FAINT, **style)


def _length_s(segment: Segment) -> float:
    return segment.end_s - segment.start_s


def _rows(timeline: Timeline, segments: Sequence[Segment]) -> list[str]:
    """Return the genres that occur, at most ``MAX_ROWS``: those with a segment, in order, then those that ever led."""
    seconds: dict[str, float] = {}
    for segment in segments:
        if segment.genre in timeline.labels:
            seconds[segment.genre] = seconds.get(segment.genre, 0.0) + _length_s(segment)
    longest = sorted(seconds, key=lambda genre: -seconds[genre])[:MAX_ROWS]
    in_order = [genre for genre in seconds if genre in longest]
    return [*in_order, *(label for label, _ in timeline.n_led.most_common() if label not in seconds)][:MAX_ROWS]


def _shortened(name: str) -> str:
    """Return a row's name; of a path such as ``electronic › drum and bass`` the end tells more than the start."""
    return (cut_start if ARROW in name else cut_end)(name, NAME_SIZE, "bold", MAX_NAME_IN)


def _fitting(name: str, wide_in: float, tall_in: float) -> dict[str, Any] | None:
    """Return a name's text, size and rotation in a block, if need be on two lines, smaller or upright, or None."""
    two_lines = name.replace(" ", "\n", 1)
    for rotation, size, text in itertools.product((0, 90), (NAME_SIZE, SMALL_SIZE, TINY_SIZE), (name, two_lines)):
        lines = text.split("\n")
        long_in = max(width_in(line, size, "bold") for line in lines)
        high_in = len(lines) * LINE_IN
        across_in, up_in = (high_in, long_in) if rotation else (long_in, high_in)
        if across_in + 2 * PAD_IN <= wide_in and up_in + 2 * PAD_IN <= tall_in:
            return {"s": text, "size": size, "rotation": rotation}
    return None


def _mixed(one: str, other: str, share: float) -> str:
    """Return a colour with a share of another in it."""
    red, green, blue = np.array(to_rgb(one)) * (1 - share) + np.array(to_rgb(other)) * share
    return to_hex((red, green, blue))
