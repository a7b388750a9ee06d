"""The identity of a file's audio: a digest of the audio stream's packets, which tags do not change."""

import hashlib

import av.error
from av.container import InputContainer

from genrestream.audio.formats import RawFormat
from genrestream.audio.reading import opening
from genrestream.errors import AudioError

MAX_STRETCH = 10  # a damaged time is not the end: packets that fill less than a tenth of the time are counted instead
DIGEST_SIZE = 16  # bytes: that any two of a billion songs have the same digest has a probability of 1e-21


def identify(path: str) -> tuple[str, float | None]:
    """Return the digest of a file's audio, 32 hexadecimal digits, and its length in seconds, or None if unknown.

    Nothing is decoded. Of a file that breaks off, the packets up to there count.

    Raises:
        AudioError: It cannot be opened, or holds no audio.
    """
    opened = opening.opened(path, RawFormat(), path)
    try:
        digest, duration_s = hashlib.blake2b(digest_size=DIGEST_SIZE), 0.0
        container = opened.container
        while container is not None:
            duration_s += _add(container, digest, path)
            container = _next(opened)
        return digest.hexdigest(), round(duration_s, 3) or None
    finally:
        opened.close()


def _add(container: InputContainer, digest: hashlib.blake2b, path: str) -> float:
    """Add a container's packets to the digest; return their length in seconds."""
    stream = container.streams.best("audio")
    if stream is None:
        raise AudioError(f"{path}: has no audio stream; give a file with sound")
    n_ticks = last = 0  # the sum of all packets' lengths, and where the last one ends: either may be missing
    n_packets = n_timed = 0
    packets = container.demux(stream)
    while True:
        try:
            for packet in packets:
                if packet.size:
                    digest.update(packet)
                    n_ticks += packet.duration or 0
                    n_packets, n_timed = n_packets + 1, n_timed + bool(packet.duration)
                    last = max(last, (packet.pts or 0) + (packet.duration or 0))
            break
        except IndexError:  # PyAV: a packet of a stream that appeared after opening
            packets = container.demux(stream)
        except (av.error.FFmpegError, OSError):  # cut short: the decoder says so
            break
    span = last - (stream.start_time or 0)
    if not n_timed or span * n_timed <= MAX_STRETCH * n_ticks * n_packets:
        n_ticks = max(n_ticks, span)
    return float(n_ticks * stream.time_base) if stream.time_base else 0.0


def _next(opened: opening.Opened) -> InputContainer | None:
    """Return the next link of a chained stream; None if there is none."""
    for link in opened.links:
        if not isinstance(link, AudioError):
            opened.container.close()
            opened.container = link
            return link
    return None
