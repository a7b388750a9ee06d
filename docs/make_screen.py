"""Draw the picture of the live screen, with the shipped model and two real clips, one after the other.

python docs/make_screen.py          # writes docs/screen.svg
"""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from genrestream.output.live_screen import LiveScreen, _cell
from rich.console import Console

import genrestream
from genrestream.audio.source import AudioSource
from genrestream.streaming.status import Status, state_after

ROOT = Path(__file__).resolve().parents[1]
CLIPS = [ROOT / "examples" / "metal.ogg", ROOT / "examples" / "classical.ogg"]
SHOWN_AT_S = 54.0  # the music changed at 30 s, and the vote has followed
DELAY_S = 0.1  # the median that benchmarks.listen measured; here nothing runs in real time


def blocks() -> Iterator[tuple[np.ndarray, int]]:
    """Yield the clips as one stream, block by block."""
    for clip in CLIPS:
        with AudioSource(clip) as source:
            yield from source


def main() -> None:
    """Stream the clips up to the moment that is shown, and save the screen as SVG."""
    model = genrestream.load()
    console = Console(width=88, height=21, record=True, force_terminal=True, highlight=False, file=io.StringIO())
    screen, status = LiveScreen(model.card.name, console=console), Status(delay_s=DELAY_S)
    screen._source = " then ".join(clip.name for clip in CLIPS)  # begin() would take over the terminal
    session = model.session(hop_s=1.0, vote="decay")
    for samples, sample_rate in blocks():
        status.time_s += samples.shape[-1] / sample_rate
        for prediction in session.push(samples.T, sample_rate):
            status.prediction, status.state = prediction, state_after(prediction)
            screen._strip.append(_cell(status))
        if status.time_s >= SHOWN_AT_S:
            break
    status.level_db, status.peak_db = session.level.rms_db, session.level.peak_db
    console.print(screen.view(status))
    console.save_svg(str(ROOT / "docs" / "screen.svg"), title="genrestream listen")


if __name__ == "__main__":
    main()
