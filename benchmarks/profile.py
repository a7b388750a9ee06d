"""Where each millisecond of a start and of a chunk goes, drawn as one picture.

::

    python -m benchmarks.profile docs/profile.png      # half a minute

Processor time of one core, the least of some rounds; the parts of a start run in a new process each round.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

CLIP = Path(__file__).parent.parent / "examples" / "metal.ogg"
ROUNDS = 5
START = """
import json, time
laps, last = {}, time.process_time()
def lap(name):
    global last
    now = time.process_time(); laps[name] = 1000 * (now - last); last = now
laps["interpreter"] = 1000 * last
import numpy; lap("import numpy")
import av; lap("import av (FFmpeg)")
import genrestream.cli.main, genrestream.cli.file; lap("import genrestream")
from genrestream.inference import checkpoint, shipped
found = checkpoint.read(shipped.find(shipped.DEFAULT_MODEL)); lap("card, digest of the weights")
from genrestream.inference.engines import runtime
runtime.Runtime(); lap("import XLA's runtime")
from genrestream.inference.program import Program
program = Program(found); lap("stored program: read, load")
program(numpy.zeros((1, found.card.frontend.n_samples), numpy.float32)); lap("first chunk, beyond a later one")
program(numpy.zeros((1, found.card.frontend.n_samples), numpy.float32)); lap("chunk")
laps["first chunk, beyond a later one"] -= laps.pop("chunk")
print(json.dumps(laps))
"""


def start() -> dict[str, float]:
    """Return the milliseconds of each part of a warm start."""
    rounds = []
    for _ in range(ROUNDS + 1):  # the first one compiles
        done = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, check=True)
        rounds.append(json.loads(done.stdout))
    return {name: max(0.0, min(each[name] for each in rounds[1:])) for name in rounds[0]}


def chunk() -> dict[str, float]:
    """Return the milliseconds of each part of a chunk of stereo from a file."""
    import io

    import jax

    import genrestream
    from genrestream.audio.conditioning import Conditioner
    from genrestream.audio.resample import Resampler
    from genrestream.audio.source import AudioSource
    from genrestream.features.frontend import features
    from genrestream.output.text import Lines
    from genrestream.streaming.pipeline import joined

    model = genrestream.load()
    rate, frontend = model.card.frontend.sample_rate, model.card.frontend
    with AudioSource(CLIP) as source:
        blocks = list(joined(source))
    spectrum = jax.jit(lambda waveform: features(waveform, frontend))
    silence = np.zeros((1, frontend.n_samples), np.float32)
    jax.block_until_ready(spectrum(silence))
    rounds = []
    for _ in range(ROUNDS):
        laps, conditioner, resampler, session = dict[str, float](), Conditioner(), Resampler(rate), model.session()
        began = time.process_time()

        def lap(name: str, laps: dict[str, float] = laps) -> None:
            nonlocal began
            now = time.process_time()
            laps[name] = 1000 * (now - began)
            began = now

        with AudioSource(CLIP) as source:
            list(joined(source))
        lap("decode")
        mono = [piece for block in blocks for piece in conditioner.push(*block)]
        lap("offset, hum, mix to mono")
        for piece in mono:
            resampler.push(*piece)
        lap("resample")
        chunks = [one for block in blocks for one in session.chunks(*block)] + session.last_chunks()
        lap("silence, loudness, cut")
        laps["silence, loudness, cut"] -= laps["offset, hum, mix to mono"] + laps["resample"]
        for _ in chunks:
            jax.block_until_ready(spectrum(silence))
        lap("mel")
        inferred = [session.infer(one) for one in chunks]
        lap("network")
        laps["network"] -= laps["mel"]
        answers = [session.decide(one, its) for one, its in zip(chunks, inferred, strict=True)]
        lap("vote")
        lines = Lines(io.StringIO(), 1)
        for answer in answers:
            lines.chunk("clip", answer)
        lap("print")
        rounds.append({name: value / len(chunks) for name, value in laps.items()})
    return {name: max(0.0, min(each[name] for each in rounds)) for name in rounds[0]}


def main() -> None:
    """Measure, print and draw."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 1, figsize=(9, 3.6), layout="constrained")
    colours = pyplot.get_cmap("tab10").colors  # type: ignore[attr-defined]
    for ax, title, parts in zip(axes, ("A warm start", "A chunk of 3 s"), (start(), chunk()), strict=True):
        place, whole = 0.0, sum(parts.values())
        for number, (name, milliseconds) in enumerate(parts.items()):
            print(f"{title}: {name} {milliseconds:.1f} ms")
            ax.barh(0, milliseconds, left=place, color=colours[number % 10], label=f"{name} {milliseconds:.1f}")
            place += milliseconds
        ax.set(yticks=[], xlim=(0, whole), title=f"{title}: {whole:.0f} ms of one core")
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=4, fontsize=8, frameon=False)
        ax.spines[["top", "right", "left"]].set_visible(False)
    figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "profile.svg", dpi=150)


if __name__ == "__main__":
    main()
