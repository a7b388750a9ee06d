"""Streams a core: how many live inputs one core serves before answers come late.

``python -m benchmarks.streams`` feeds sessions of one model with 44.1 kHz stereo in blocks of 100 ms, in real time, in
one process bound to one core, and adds streams until the 95th percentile of the delay is over 300 ms. A delay is the
time from when the last sample of a chunk was due to when its answer is there.
"""

import argparse
import os
import time
from typing import Any

import numpy as np

BLOCK_S, WARM_UP_S, LIMIT_MS = 0.1, 4.0, 300.0


def delays_ms(
    model: Any, clip: np.ndarray, rate: int, n_streams: int, hop_s: float, seconds: float
) -> tuple[np.ndarray, float]:
    """Return the delay of each answer in milliseconds, and the share of the core's time that was used.

    Args:
        model: The classifier.
        clip: What each stream plays, from a place of its own, shape (n_channels, n_samples).
        rate: Its rate in Hz.
        n_streams: Streams at once; their blocks are due one after the other.
        hop_s: Seconds between a stream's answers.
        seconds: How long they play.
    """
    n_block = round(BLOCK_S * rate)
    rng = np.random.default_rng(0)
    sessions = [model.session(f"stream {number}", hop_s=hop_s) for number in range(n_streams)]
    places = rng.integers(0, clip.shape[1] - n_block, n_streams)
    # Streams begin at different times, as listeners do: their answers are due at different times, too.
    due = [(BLOCK_S * number / n_streams + hop_s * rng.random(), number) for number in range(n_streams)]
    began, used, found = time.perf_counter(), time.process_time(), []
    while due[0][0] < seconds:
        due.sort()
        at, number = due[0]
        if (early_s := at - (time.perf_counter() - began)) > 0:
            time.sleep(early_s)
        place = int(places[number])
        places[number] = place + n_block if place + 2 * n_block <= clip.shape[1] else 0
        predictions = sessions[number].push_block(clip[:, place : place + n_block], rate)
        if predictions and at > WARM_UP_S:
            found.append(1000 * (time.perf_counter() - began - at))
        due[0] = (at + BLOCK_S, number)
    return np.array(found), (time.process_time() - used) / (time.perf_counter() - began)


def main() -> None:
    """Print the delays for each number of streams."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="musicnn-yamnet")
    parser.add_argument("--hop-s", type=float, default=1.0)
    parser.add_argument("--first", type=int, default=30, help="streams to begin with")
    parser.add_argument("--step", type=int, default=5, help="streams added each time")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of each step")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # before jax counts the cores

    import genrestream
    from benchmarks.file import CLIP
    from genrestream.audio.source import AudioSource

    with AudioSource(CLIP) as source:
        blocks = list(source)
    clip, rate = np.concatenate([block for block, _ in blocks], axis=1), blocks[0][1]
    model = genrestream.load(options.model)
    delays_ms(model, clip, rate, 1, options.hop_s, 6)  # compiles
    n_streams = options.first
    while True:
        found, load = delays_ms(model, clip, rate, n_streams, options.hop_s, options.seconds)
        p50, p95, most = np.percentile(found, [50, 95, 100])
        print(
            f"{n_streams} streams: p50 {p50:.0f} ms, p95 {p95:.0f} ms, largest {most:.0f} ms of {len(found)} answers,"
            f" {load:.0%} of the core",
            flush=True,
        )
        if p95 > LIMIT_MS:
            break
        n_streams += options.step


if __name__ == "__main__":
    main()
