"""A long run: simulated hours of live input through the real feed, session and listener, as fast as they are answered.

::

    python -m benchmarks.soak --hours 24

On its way the input is lost, its rate and channels change, and its clock jumps. At the end, memory must have stayed
flat after the first hour, every second must have been answered, every loss reported, and the silence noticed; otherwise
the exit code is 1. Half of the input is silence, a tenth is noise; the music is the clips in examples/, repeated. Linux
only.
"""

import dataclasses
import itertools
import math
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soxr
import tyro

import genrestream
from benchmarks.listen import RATE, _music
from genrestream.inference.shipped import DEFAULT_MODEL
from genrestream.live.config import ListenConfig
from genrestream.live.feed import Block, Feed
from genrestream.live.listener import Listener
from genrestream.streaming.config import StreamConfig
from genrestream.streaming.predictions import Prediction
from genrestream.streaming.status import Event

FORMATS = ((16_000, 1), (44_100, 1), (22_050, 1), (16_000, 2), (8_000, 1), (48_000, 1))  # Hz, channels
SOUNDS = (("music", 0.3), ("silence", 0.5), ("noise", 0.1), ("music", 0.1))  # shares of the time in each format
SILENCE, NOISE = 1e-5, 0.2  # RMS; a microphone is never all zeros
BLOCK_S, CHUNK_S = 2, 3
NEAR_S = 5  # a stretch of silence may be taken for so much longer or shorter, a loss in it included
QUIET_S = 2.5  # an input that delivers nothing for so long counts as lost
JUMPS_S = (3600.0, -7200.0, 86_400.0, -0.5, 1e6)  # by which the clock of the blocks jumps, forwards and back


@dataclasses.dataclass(frozen=True)
class Config:
    """How long, and what may happen.

    Attributes:
        hours: Hours of input to simulate.
        model: The model's name.
        hop_s: Seconds between answers.
        losses: How often the input is lost, evenly spread; each second time without a word from the device.
        growth_mb: By how much the memory may grow after the first hour, or after a tenth of a shorter run.
    """

    hours: float = 24.0
    model: str = DEFAULT_MODEL
    hop_s: float = 1.0
    losses: int = 20
    growth_mb: float = 30.0

    @property
    def n_blocks(self) -> int:
        """Blocks that are delivered."""
        return round(3600 * self.hours / BLOCK_S)


class Device:
    """A device that delivers blocks as fast as they are taken, and fails on schedule.

    Args:
        config: How long, and how often it fails.
        feed: Where its blocks go.

    Attributes:
        lost_s: Seconds that it did not deliver.
        silent_s: Seconds of silence that it delivered.
        stretches_s: The lengths of what it delivered without a break, in seconds.
    """

    name = "soak"

    def __init__(self, config: Config, feed: Feed):
        self._config, self._feed = config, feed
        self.problems: list[str] = []
        self.lost_s, self.silent_s, self.stretches_s = 0, 0, [0]
        self._clock_s, self._music = 0.0, _music()
        rng = np.random.default_rng(0)
        self._hiss = rng.normal(size=len(self._music)).astype(np.float32)
        self._n_whole = len(self._music) // (BLOCK_S * RATE) * BLOCK_S * RATE
        self._thread = threading.Thread(target=self._run, name="soak", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the input."""
        self._feed.end()
        self._thread.join()

    def _run(self) -> None:
        try:
            for number, (samples, sample_rate) in enumerate(self._blocks()):
                lost_s = self._fail(number)
                if jump := _due(number, len(JUMPS_S), self._config.n_blocks):
                    self._clock_s += JUMPS_S[jump - 1]
                if not self._feed.put_waiting(Block(samples, sample_rate, time.monotonic() + self._clock_s, lost_s)):
                    return
                self.stretches_s[-1] += BLOCK_S
            self._feed.end()
        except Exception as error:  # the listener raises it
            self._feed.end(error)

    def _blocks(self) -> Iterator[tuple[np.ndarray, int]]:
        n_left = self._config.n_blocks
        for number, (sample_rate, n_channels) in enumerate(FORMATS):
            n_blocks = n_left // (len(FORMATS) - number)
            n_left -= n_blocks
            for sound, n_of_sound in _shared(n_blocks):
                self.silent_s += BLOCK_S * n_of_sound * (sound == "silence")
                for at in itertools.islice(itertools.cycle(range(0, self._n_whole, BLOCK_S * RATE)), n_of_sound):
                    part = soxr.resample(self._part(sound, at, BLOCK_S * RATE), RATE, sample_rate)
                    yield np.tile(part, (n_channels, 1)), sample_rate

    def _part(self, sound: str, at: int, n_samples: int) -> np.ndarray:
        """Return one block; made when it is due, so that the benchmark's own memory stays the same."""
        if sound == "music":
            return self._music[at : at + n_samples]
        return self._hiss[at : at + n_samples] * np.float32(SILENCE if sound == "silence" else NOISE)

    def _fail(self, number: int) -> float:
        """Deliver nothing for a while where that is due; return the seconds that were lost."""
        loss = _due(number, self._config.losses, self._config.n_blocks)
        if not loss:
            return 0.0
        while self._feed.waiting_s and not self._feed.is_over:  # a busy machine may lag behind
            time.sleep(0.01)
        self._feed.connected, self._feed.notice = bool(loss % 2), "soak is gone"
        time.sleep(QUIET_S)
        self._feed.connected = True
        lost_s = 5 * loss
        self.lost_s += lost_s
        self.stretches_s.append(0)
        return float(lost_s)


def _due(number: int, times: int, n_blocks: int) -> int:
    """Return the how manieth of some evenly spread moments the block is at, from 1; 0 where it is at none."""
    moments = [round(n_blocks * (time + 0.5) / times) for time in range(times)]
    return moments.index(number) + 1 if number in moments else 0


def _shared(n_blocks: int) -> Iterator[tuple[str, int]]:
    """Yield each sound and how many of the blocks are of it."""
    ends = [round(n_blocks * share) for share in itertools.accumulate(share for _, share in SOUNDS)]
    for (sound, _), start, end in zip(SOUNDS, [0, *ends], ends, strict=False):
        yield sound, end - start


def run(config: Config) -> list[str]:
    """Run it; print the memory of each hour and what happened, and return what was wrong, a line each."""
    feed = Feed()
    stream = StreamConfig(hop_s=config.hop_s)
    session = genrestream.load(config.model).session(**vars(stream))
    device = Device(config, feed)
    options = ListenConfig(source="soak", speed=math.inf, stream=stream)
    listener = Listener(options, session, feed, device)
    memory_mb, events, n_answers, began_s = [], Counter[str](), 0, time.monotonic()
    mark_s = min(3600.0, 360 * config.hours)
    for update in listener.updates():
        n_answers += isinstance(update, Prediction)
        if isinstance(update, Event):
            events[update.message] += 1
        if listener.status.time_s >= (len(memory_mb) + 1) * mark_s:
            memory_mb.append(_memory_mb())
            print(f"{listener.status.time_s / 3600:5.1f} h: {memory_mb[-1]:.1f} MB", flush=True)
    outcome, elapsed_s = listener.outcome(), time.monotonic() - began_s
    expected = sum(max(0, math.floor((length - CHUNK_S) / config.hop_s) + 1) for length in device.stretches_s)
    growth_mb = max(memory_mb) - memory_mb[0]
    print(f"{config.hours:g} h in {elapsed_s / 60:.1f} min, {3600 * config.hours / elapsed_s:.0f} times real time")
    memory = f"memory {memory_mb[0]:.1f} MB at first, {growth_mb:+.1f} MB at most after"
    print(f"{n_answers} answers of {expected}; {memory}")
    print(f"events: {dict(events)}")
    print("\n".join([*listener.report(), *outcome.verdict.problems, *outcome.verdict.notes]))
    reported = f"the input was lost {config.losses} times, {device.lost_s:.1f} s in all"
    silent_s, n_stretches = outcome.verdict.seconds.get("silence", 0.0), len(FORMATS) + config.losses
    print(f"{silent_s:.0f} s of silence noticed of {device.silent_s} s")
    n_lost, n_back = events["soak is gone"] + events["soak is silent"], events["soak delivers again"]
    return [
        *([f"memory grew by {growth_mb:.1f} MB"] if growth_mb > config.growth_mb else []),
        *([f"{n_answers} answers, {expected} were due"] if n_answers != expected else []),
        *([f"{feed.n_dropped} blocks dropped"] if feed.n_dropped else []),
        *([f"{n_lost} losses and {n_back} returns reported"] if {n_lost, n_back} != {config.losses} else []),
        *(
            [f"{silent_s:.0f} s of silence noticed, {device.silent_s} s were delivered"]
            if abs(silent_s - device.silent_s) > NEAR_S * n_stretches
            else []
        ),
        *([f"not in the verdict: {reported}"] if [reported] != list(outcome.verdict.problems) else []),
    ]


def _memory_mb() -> float:
    """Return the memory that the process holds now, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


if __name__ == "__main__":
    if wrong := run(tyro.cli(Config, description=__doc__)):
        sys.exit("\n".join(wrong))
