"""One colour for each genre, the same on the screens and in plots.

The ten genres' colours were searched for: the least distance between any two, for usual sight and with each of the
three kinds of colour blindness, is as large as it gets while all are seen on black and on white
(``tests/output/test_colours.py`` has the figures).
"""

import zlib

from genrestream.inference.tree import ARROW

GENRES = {
    "blues": "#328cff", "classical": "#e1cb0a", "country": "#66530e", "disco": "#d2c3ff", "hiphop": "#6ce0c5",
    "jazz": "#5a3acb", "metal": "#005a49", "pop": "#ed897e", "reggae": "#599200", "rock": "#cf0166",
}  # fmt: skip
# Greys that no kind of sight takes for a genre's colour; between themselves marks or hatching tell them apart.
STATES = {
    "silence": "#a6a6a6", "nothing": "#a6a6a6", "unsure": "#9a9a9a", "mix": "#9a9a9a", "speech": "#8c8c8c",
    "noise": "#7c7c7c", "noinput": "#6c6c6c",
}  # fmt: skip
# For other labels, chosen one by one, each as far as can be from those before it and from the two tables.
OTHERS = (
    "#b43000", "#d88400", "#fc6ccc", "#00ccfc", "#249090", "#9078c0", "#9cd86c", "#6c486c", "#006090", "#a89c60",
    "#306000", "#fcc090", "#6c483c", "#f0c0cc", "#00a86c", "#a87884", "#b43cb4", "#9c6c48", "#6c7854", "#e46024",
    "#e43c48", "#84b4b4", "#9c7800", "#9c2430", "#90c0fc", "#c0cca8", "#0c6c78", "#3090b4", "#fc4884", "#844800",
    "#cc90fc", "#546ccc", "#48543c", "#fcb430", "#247848", "#900c78", "#b49cb4", "#c09c84", "#849c84", "#909cc0",
)  # fmt: skip
START = 22  # of the checksum: with it, few of the tags of musicnn-tags share a colour


def colour(label: str) -> str:
    """Return a label's colour as ``#rrggbb``, the same in every run.

    Args:
        label: A genre, a tag, or a state such as ``silence`` or ``no input``; case, spaces and hyphens do not matter,
            and of ``rock › metal`` the last part counts.
    """
    name = label.rpartition(ARROW)[2].casefold().replace(" ", "").replace("-", "")
    return GENRES.get(name) or STATES.get(name) or OTHERS[zlib.crc32(name.encode(), START) % len(OTHERS)]


def text_colour(background: str) -> str:
    """Return black or white (``#rrggbb``), whichever is read more easily on a background (``#rrggbb``)."""
    # At this luminance, WCAG's contrast with black and with white are equal.
    return "#000000" if luminance(background) > 0.179 else "#ffffff"


def luminance(colour: str) -> float:
    """Return the relative luminance of ``#rrggbb``, 0 to 1, as WCAG 2 defines it."""
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
