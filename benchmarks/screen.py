"""What a frame of the live screen costs in processor time, with real answers on the two example clips.

python -m benchmarks.screen
"""

import io
import statistics
import time

import numpy as np
from rich.console import Console

import genrestream
from genrestream.live.config import ListenConfig
from genrestream.output.terminal.live_screen import LiveScreen
from genrestream.streaming.predictions import Prediction
from genrestream.streaming.status import Status, state_after

CLIPS = ("examples/metal.ogg", "examples/classical.ogg")
SIZES = ((80, 24), (120, 40), (200, 60))
FRAMES_PER_ANSWER = 8


def main() -> None:
    """Print the cost of a frame in terminals of several sizes."""
    stream = vars(ListenConfig().stream)
    for model in (genrestream.load(), genrestream.load("musicnn-tags")):
        answers = [answer for clip in CLIPS for answer in model.stream(clip, **stream)]
        for width, height in SIZES:
            costs_ms = sorted(costs(model.card.name, answers, width, height))
            median_ms, p95_ms = statistics.median(costs_ms), costs_ms[int(0.95 * len(costs_ms))]
            figures = f"median {median_ms:.2f} ms, p95 {p95_ms:.2f} ms, largest {costs_ms[-1]:.2f} ms"
            print(f"{model.card.name} {width}x{height}, {len(costs_ms)} frames: {figures}")


def costs(model: str, answers: list[Prediction], width: int, height: int) -> list[float]:
    """Return what each frame took of the processor, in milliseconds, while the level meter moves in every frame."""
    console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", width=width, height=height)
    screen, status, rng, taken_ms = LiveScreen(model, console=console), Status("a stream"), np.random.default_rng(0), []
    screen.begin("a stream", None)
    for number, answer in enumerate(answers):
        began_s = time.thread_time()
        screen.chunk("a stream", answer)
        status.prediction, status.state = answer, state_after(answer)
        for frame in range(FRAMES_PER_ANSWER):
            status.time_s = number + frame / FRAMES_PER_ANSWER
            status.level_db = -20 + 3 * float(rng.normal())
            status.peak_db = status.level_db + 8
            screen.show(status)
            screen.draw()
            taken_ms.append(1000 * (time.thread_time() - began_s))
            began_s = time.thread_time()
    screen.close()
    return taken_ms


if __name__ == "__main__":
    main()
