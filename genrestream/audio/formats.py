"""What counts as an input: addresses and paths, rates and channels, bare samples."""

import dataclasses
import os
import re
import urllib.parse
from typing import TypeGuard

from genrestream.errors import AudioError, OptionError

MAX_CHANNELS = 64
SAMPLE_RATES = range(1_000, 1_000_001)  # Hz; outside it a header is taken for damaged
DSD_RATES = range(1_000, 6_000_001)  # Hz; one-bit audio comes as bytes of eight samples, 5.6 MHz in DSD1024
CHANNELS = ("auto", "mid", "left", "right")
Channel = str | int  # "auto", "mid" (the plain mean), "left", "right", or a channel's number from 1
RAW_FORMATS = ("u8", "s16le", "s16be", "s24le", "s24be", "s32le", "s32be", "f32le", "f32be", "f64le", "f64be")


@dataclasses.dataclass(frozen=True)
class RawFormat:
    """What standard input holds when it is bare samples without a container.

    Attributes:
        raw_rate: Sample rate in Hz of bare samples; leave it out for a WAV, MP3 or other audio file.
        raw_channels: Interleaved channels.
        raw_format: FFmpeg's name of the sample format, such as ``s16le`` or ``f32le``.
    """

    raw_rate: int | None = None
    raw_channels: int = 1
    raw_format: str = "s16le"

    def __post_init__(self) -> None:
        if self.raw_rate is not None and self.raw_rate not in SAMPLE_RATES:
            raise OptionError("raw_rate", self.raw_rate, "must be from 1000 to 1000000 Hz")
        if not 1 <= self.raw_channels <= MAX_CHANNELS:
            raise OptionError("raw_channels", self.raw_channels, f"must be from 1 to {MAX_CHANNELS}")
        if self.raw_format not in RAW_FORMATS:
            raise OptionError("raw_format", self.raw_format, f"must be one of {', '.join(RAW_FORMATS)}")


def check_channel(channel: object) -> None:
    """Make sure that a channel may be chosen so.

    Raises:
        OptionError: It is neither a word that we know nor a number from 1.
    """
    is_number = isinstance(channel, int) and not isinstance(channel, bool) and channel >= 1
    is_digits = isinstance(channel, str) and channel.isdecimal() and int(channel) >= 1
    if channel not in CHANNELS and not is_number and not is_digits:
        raise OptionError("channel", channel, f"must be {', '.join(CHANNELS)}, or a channel's number from 1")


def scheme(source: object) -> str:
    """Return an address's scheme in small letters, such as ``http``; empty for a path."""
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", source) if isinstance(source, str) else None
    return match[1].lower() if match else ""


def is_url(source: object) -> TypeGuard[str]:
    """Whether the source is read over the network."""
    return scheme(source) in ("http", "https")


def local_path(source: str | os.PathLike[str]) -> str:
    """Return the path of a local source, which may be given as a ``file://`` address.

    Raises:
        AudioError: It is empty, or an address of another kind.
    """
    source = os.fspath(source)
    if not source:
        raise AudioError("'': an empty name is no input; name a file")
    if not scheme(source) or os.path.exists(source):
        return source
    if scheme(source) != "file":
        raise AudioError(f"{source}: cannot be read; only http:// and https:// addresses, files and - can")
    address = urllib.parse.urlsplit(source)
    if address.netloc not in ("", "localhost"):
        raise AudioError(f"{source}: names another machine; a file's address begins with file:///")
    return urllib.parse.unquote(address.path, errors="surrogateescape")
