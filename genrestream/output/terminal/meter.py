"""The level meter: loudness, the peak above it, and the highest peak of the last seconds."""

import itertools

from genrestream.output.terminal.console import Glyphs
from genrestream.output.terminal.lines import Line

QUIETEST_DB = -60.0  # the left end
ZONES = ((-12.0, "green"), (-3.0, "yellow"), (0.0, "red"))  # up to which level a cell has which colour
HELD_S = 2.0


class Meter:
    """A level meter that holds its peaks.

    Args:
        glyphs: The characters to draw with.
    """

    def __init__(self, glyphs: Glyphs):
        self._glyphs = glyphs
        self._held_db, self._held_at_s = QUIETEST_DB, 0.0

    def line(self, level_db: float, peak_db: float, is_clipped: bool, now_s: float, width: int) -> Line:
        """Return the meter.

        Args:
            level_db: Loudness (RMS), in dB below full scale.
            peak_db: The loudest sample, in dB below full scale.
            is_clipped: Whether samples at full scale were cut off.
            now_s: The time, on any clock.
            width: Cells of the line.
        """
        if peak_db >= self._held_db or now_s - self._held_at_s > HELD_S:
            self._held_db, self._held_at_s = peak_db, now_s
        figures = f" {round(level_db):4} dB, peak {round(self._held_db):4} dB "
        name = (" CLIPPED ", "bold white on red") if is_clipped else (" level   ", "dim")
        return (name, *self._bar(level_db, peak_db, max(0, width - len(name[0]) - len(figures))), (figures, ""))

    def _bar(self, level_db: float, peak_db: float, n_cells: int) -> Line:
        n_loud, n_peak, n_held = (_cells(db, n_cells) for db in (level_db, peak_db, self._held_db))
        styles = [next(style for db, style in ZONES if cell < _cells(db, n_cells)) for cell in range(n_cells)]
        chars = [self._glyphs.full] * n_loud + [self._glyphs.peak] * (n_peak - n_loud)
        styles[len(chars) :] = ["dim"] * (n_cells - len(chars))
        chars += [self._glyphs.rest] * (n_cells - len(chars))
        if n_held:
            chars[n_held - 1], styles[n_held - 1] = self._glyphs.hold, "bold"
        pieces = itertools.groupby(zip(chars, styles, strict=True), lambda cell: cell[1])
        return tuple(("".join(char for char, _ in piece), style) for style, piece in pieces)


def _cells(level_db: float, n_cells: int) -> int:
    return round(n_cells * min(1.0, max(0.0, 1 - level_db / QUIETEST_DB)))
