"""A device in a process of its own: its blocks go to standard output, until standard input ends.

::

    python -m genrestream.live.several.capture CHOICE

A message is a line of JSON: of a block, followed by its samples (float32, channel after channel); or of the device:
whether it is there, what there is to say of it, or the error for which it cannot be opened.
"""

import contextlib
import dataclasses
import json
import os
import sys
import threading
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from genrestream.errors import GenrestreamError
from genrestream.live.feed import Block, Feed
from genrestream.live.microphone import Microphone

TICK_S = 0.1


@dataclasses.dataclass(frozen=True)
class DeviceState:
    """How a device is.

    Attributes:
        connected: Whether it is there, even if it is silent.
        notice: A message on why it is gone, or that it is back.
        n_lost: Blocks that were lost so far.
        error: Why it cannot be opened at all; empty where it is open.
    """

    connected: bool = True
    notice: str = ""
    n_lost: int = 0
    error: str = ""


def messages(file: IO[bytes]) -> Iterator[Block | DeviceState]:
    """Yield what a capturing process writes, until it ends."""
    while (line := file.readline()).endswith(b"\n"):
        fields: dict[str, Any] = json.loads(line)
        if "shape" not in fields:
            yield DeviceState(**fields)
            continue
        shape = fields.pop("shape")
        content = file.read(4 * shape[0] * shape[1])
        if len(content) < 4 * shape[0] * shape[1]:
            return
        yield Block(np.frombuffer(content, np.float32).reshape(shape), **fields)


def main(choice: str | None, file: IO[bytes]) -> None:
    """Capture until the feed is over, and write what comes."""
    feed, told = Feed(), DeviceState()
    try:
        microphone = Microphone(choice, feed)
    except GenrestreamError as error:
        _write(file, dataclasses.asdict(DeviceState(False, error=str(error))))
        return
    threading.Thread(target=_close_at_end_of_input, args=[microphone], daemon=True).start()
    _write(file, dataclasses.asdict(told))
    while not feed.is_over or feed.waiting_s:
        block = feed.get(TICK_S)
        state = DeviceState(feed.connected, feed.notice, feed.n_dropped + feed.n_overflows)
        if state != told:
            _write(file, dataclasses.asdict(state))
            told = state
        if block:
            samples = np.ascontiguousarray(block.samples)
            fields = {"sample_rate": block.sample_rate, "captured_s": block.captured_s, "lost_s": block.lost_s}
            _write(file, {"shape": samples.shape, **fields}, samples.tobytes())


def _write(file: IO[bytes], message: dict[str, Any], content: bytes = b"") -> None:
    file.write(json.dumps(message).encode() + b"\n" + content)
    file.flush()


def _close_at_end_of_input(microphone: Microphone) -> None:
    """Stop when whoever listens closes the pipe, or dies."""
    while os.read(0, 1024):
        pass
    microphone.close()


if __name__ == "__main__":
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the system's audio libraries print must not get between the messages
    with contextlib.suppress(BrokenPipeError):
        main(sys.argv[1] if sys.argv[1:] else None, output)
    os._exit(0)  # PortAudio's clean-up hangs with an audio server that hangs
