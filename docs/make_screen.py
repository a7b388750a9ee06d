"""Draw the picture of the live screen, with the shipped model and two real clips, one after the other.

python docs/make_screen.py          # writes docs/screen.svg
"""

import html
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.cells import cell_len
from rich.color import Color
from rich.console import Console
from rich.style import Style

import genrestream
from genrestream.audio.source import AudioSource
from genrestream.live.config import ListenConfig
from genrestream.output.terminal.lines import Line
from genrestream.output.terminal.live_screen import LiveScreen
from genrestream.streaming.status import Status, state_after

ROOT = Path(__file__).resolve().parents[1]
CLIPS = [ROOT / "examples" / "metal.ogg", ROOT / "examples" / "classical.ogg"]
SHOWN_AT_S = 54.0  # the music changed at 30 s, and the vote has followed
WIDTH, HEIGHT = 88, 25
CELL = 10, 20  # of the picture, in pixels
TEXT, BACKGROUND = "#d0d0d0", "#121212"
ANSI = dict(
    zip(range(8), ("#000000", "#d04040", "#10b070", "#d8c020", "#3070d0", "#b040b0", "#20a0b0", TEXT), strict=True)
)
# Blocks are drawn as rectangles, since the rows of many fonts leave gaps: left, top, right, bottom, as parts of a cell.
BLOCKS = {"█": (0, 0, 1, 1), "▀": (0, 0, 1, 0.5), "▄": (0, 0.5, 1, 1)}
BLOCKS |= {block: (0, 0, eighths / 8, 1) for eighths, block in enumerate("▏▎▍▌▋▊▉", 1)}
DELAY_S = 0.1  # the median that benchmarks.listen measured; here nothing runs in real time


def blocks() -> Iterator[tuple[np.ndarray, int]]:
    """Yield the clips as one stream, block by block."""
    for clip in CLIPS:
        with AudioSource(clip) as source:
            yield from source


def drawn(lines: list[Line]) -> str:
    """Return a screen as SVG."""
    width, height = CELL[0] * (WIDTH + 2), CELL[1] * (HEIGHT + 1)
    shapes = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{-CELL[0]} {-CELL[1] / 2} {width} {height}" '
        'font-family="DejaVu Sans Mono,Menlo,Consolas,monospace" font-size="16">',
        f'<rect x="{-CELL[0]}" y="{-CELL[1] / 2}" width="{width}" height="{height}" rx="8" fill="{BACKGROUND}"/>',
    ]
    for row, line in enumerate(lines):
        column = 0
        for text, style in line:
            shapes += span(text, Style.parse(style), column, row)
            column += cell_len(text)
    return "\n".join([*shapes, "</svg>", ""])


def span(text: str, style: Style, column: int, row: int) -> Iterator[str]:
    """Yield the shapes of a piece of text: what is behind it, its blocks, and its words."""
    colour = hex_of(style.color) or TEXT
    if behind := hex_of(style.bgcolor):
        yield rectangle(column, row, column + len(text), row + 1, behind)
    looks = f'fill="{colour}"' + ' font-weight="bold"' * bool(style.bold) + ' opacity="0.6"' * bool(style.dim)
    for is_block, part in itertools.groupby(enumerate(text, column), lambda cell: cell[1] in BLOCKS):
        cells = list(part)
        if is_block:
            for block, same in itertools.groupby(cells, lambda cell: cell[1]):
                columns = [cell for cell, _ in same]
                left, top, right, bottom = BLOCKS[block]
                yield rectangle(columns[0] + left, row + top, columns[-1] + right, row + bottom, colour)
        elif words := "".join(char for _, char in cells).rstrip():
            x, y, length = CELL[0] * cells[0][0], CELL[1] * (row + 0.75), CELL[0] * len(words)
            text_length = f'textLength="{length}" lengthAdjust="spacingAndGlyphs" xml:space="preserve"'
            yield f'<text x="{x}" y="{y:g}" {looks} {text_length}>{html.escape(words)}</text>'


def rectangle(left: float, top: float, right: float, bottom: float, colour: str) -> str:
    """Return a rectangle between these cells."""
    x, y, width, height = CELL[0] * left, CELL[1] * top, CELL[0] * (right - left), CELL[1] * (bottom - top)
    place = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
    return f'<rect {place} fill="{colour}" shape-rendering="crispEdges"/>'


def hex_of(colour: Color | None) -> str | None:
    """Return a colour as ``#rrggbb``; None where it is the terminal's own."""
    if colour is None or colour.is_default:
        return None
    return (
        ANSI.get(colour.number, colour.get_truecolor().hex) if colour.number is not None else colour.get_truecolor().hex
    )


def main() -> None:
    """Stream the clips up to the moment that is shown, and save the screen as SVG."""
    model = genrestream.load()
    console = Console(width=WIDTH, height=HEIGHT, force_terminal=True, color_system="truecolor")
    source = " then ".join(clip.name for clip in CLIPS)
    screen, status = LiveScreen(model.card.name, console=console), Status(source, delay_s=DELAY_S)
    session = model.session(**vars(ListenConfig().stream))
    for samples, sample_rate in blocks():
        status.time_s += samples.shape[-1] / sample_rate
        for prediction in session.push(samples.T, sample_rate):
            status.prediction, status.state = prediction, state_after(prediction)
            screen.chunk(source, prediction)
        if status.time_s >= SHOWN_AT_S:
            break
    status.level_db, status.peak_db = session.level.rms_db, session.level.peak_db
    screen.show(status)  # begin() would take over the terminal
    (ROOT / "docs" / "screen.svg").write_text(drawn(screen.rows()), encoding="utf-8")


if __name__ == "__main__":
    main()
