"""Text that fits: measured, shortened, and in fonts that have its characters."""

import bisect
import functools

from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties, fontManager, get_font

ELLIPSIS = "…"
DPI = 720  # for measuring: at fewer, each letter's width is rounded
DEFAULT_FONT = "DejaVu Sans"  # comes with matplotlib


def families(text: str) -> list[str]:
    """Return the fonts to write a text with: the default one, and installed ones for characters that it lacks."""
    chosen, missing = [DEFAULT_FONT], {*map(ord, text)}
    missing -= _characters(next(font.fname for font in fontManager.ttflist if font.name == DEFAULT_FONT))
    for font in fontManager.ttflist:
        if not missing:
            break
        is_last_resort = font.name.startswith("Last Resort")  # has a box for every character
        if not is_last_resort and (found := missing & _characters(font.fname)):
            chosen.append(font.name)
            missing -= found
    return chosen


def width_in(text: str, size: float, weight: str = "normal") -> float:
    """Return how wide a text is, in inches, at a size in points, in the fonts of matplotlib's ``rcParams``."""
    width, _, _ = _renderer().get_text_width_height_descent(text, FontProperties(size=size, weight=weight), False)
    return width / DPI


def cut_start(text: str, size: float, weight: str, limit_in: float) -> str:
    """Return a text whose start gave way to an ellipsis where it is too wide: the end tells paths apart."""
    return cut_end(text[::-1], size, weight, limit_in)[::-1]


def cut_end(text: str, size: float, weight: str, limit_in: float) -> str:
    """Return a text whose end gave way to an ellipsis where it is too wide."""
    if width_in(text, size, weight) <= limit_in:
        return text
    lengths = range(1, len(text))
    kept = bisect.bisect_right(lengths, limit_in, key=lambda n: width_in(text[:n] + ELLIPSIS, size, weight))
    return text[:kept] + ELLIPSIS


@functools.cache
def _renderer() -> RendererAgg:
    return RendererAgg(1, 1, DPI)


@functools.cache
def _characters(font_file: str) -> frozenset[int]:
    return frozenset(get_font(font_file).get_charmap())
