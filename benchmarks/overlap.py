"""Chunks that overlap: time of an answer at short hops, against another checkout or against whole chunks.

``python benchmarks/overlap.py`` compares with the same network given whole chunks; ``--other PATH`` with another
checkout of the repository, in a process of its own. Both take turns of 30 s of audio at 16 kHz in one run, on one core.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
TURN_S = 30


def turns(model_name: str, hop_s: float, is_whole: bool) -> None:
    """Print the milliseconds an answer after each line on standard input."""
    import genrestream
    from genrestream.audio.source import AudioSource
    from genrestream.streaming.config import StreamConfig
    from genrestream.streaming.session import Session

    model = genrestream.load(model_name)
    with AudioSource(ROOT / "examples" / "metal.ogg") as source:
        blocks = list(source)
    clip = np.concatenate([block for block, _ in blocks], axis=1).mean(axis=0)[:: blocks[0][1] // 16_000]
    audio = np.resize(clip, TURN_S * 16_000)
    for _ in sys.stdin:
        session = model.session(hop_s=hop_s)
        if is_whole:
            session = Session(model.card, model.program, StreamConfig(hop_s=hop_s))
        began, n_answers = time.perf_counter(), 0
        for piece in np.array_split(audio, 10 * TURN_S):
            n_answers += len(session.push(piece, 16_000))
        print(1000 * (time.perf_counter() - began) / n_answers, flush=True)


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="musicnn-yamnet")
    parser.add_argument("--other", type=Path, help="a checkout to compare with")
    parser.add_argument("--hops", type=float, nargs="+", default=[3.0, 1.0, 0.5, 0.25])
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--turns", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--whole", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.turns:
        turns(options.model, options.turns, options.whole)
        return
    sys.path.insert(0, str(ROOT))
    from benchmarks.paired import Turns, ratio

    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # one core for both, one after the other
    for hop_s in options.hops:
        command = [sys.executable, __file__, "--model", options.model, "--turns", str(hop_s)]
        ours = Turns(command, environment={"PYTHONPATH": str(ROOT)})
        other = {"PYTHONPATH": str(options.other or ROOT)}
        theirs = Turns([*command, *([] if options.other else ["--whole"])], environment=other)
        for one in (ours, theirs):
            one.seconds()  # compiles
        pairs = [(ours.seconds(), theirs.seconds()) for _ in range(options.pairs)]
        ours.close()
        theirs.close()
        mine, others = zip(*pairs, strict=True)
        print(f"hop {hop_s} s: {np.median(mine):.1f} ms an answer, {np.median(others):.1f} ms there")
        print(f"hop {hop_s} s: share of the time there {ratio(others, mine)}", flush=True)


if __name__ == "__main__":
    main()
