"""What counts as an input: suffixes, protocols, bare samples, and the files in a folder."""

import dataclasses
import os
from pathlib import Path

from genrestream.errors import AudioError, OptionError

SUFFIXES = frozenset(
    [
        ".aac",
        ".ac3",
        ".aif",
        ".aifc",
        ".aiff",
        ".amr",
        ".ape",
        ".au",
        ".avi",
        ".caf",
        ".flac",
        ".flv",
        ".m4a",
        ".m4b",
        ".mka",
        ".mkv",
        ".mov",
        ".mp2",
        ".mp3",
        ".mp4",
        ".mpc",
        ".mpg",
        ".oga",
        ".ogg",
        ".opus",
        ".ra",
        ".snd",
        ".spx",
        ".tta",
        ".voc",
        ".w64",
        ".wav",
        ".weba",
        ".webm",
        ".wma",
        ".wmv",
        ".wv",
    ]
)
MAX_CHANNELS = 64
SAMPLE_RATES = range(1_000, 1_000_001)  # Hz; outside it a header is taken for damaged

# A playlist from a stranger must reach neither the network nor other files: no network protocol, and no playlists.
PLAYLISTS = {"hls", "concat", "dash", "imf", "sdp", "webm_dash_manifest"}
FILE_PROTOCOLS, NETWORK_PROTOCOLS = "file", "http,https,tcp,tls,httpproxy"


@dataclasses.dataclass(frozen=True)
class RawFormat:
    """What standard input holds when it is bare samples without a container.

    Attributes:
        raw_rate: Sample rate in Hz; None when the input is a container (WAV, MP3, …).
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


RAW_FORMATS = ("u8", "s16le", "s16be", "s24le", "s24be", "s32le", "s32be", "f32le", "f32be", "f64le", "f64be")


def expand(path: str) -> list[str]:
    """Return the audio files below a folder, sorted, or the path itself where it is no folder.

    Raises:
        AudioError: The folder holds no audio file.
    """
    if is_url(path) or not os.path.isdir(path):  # unlike Path.is_dir it takes any string
        return [path]
    folder = Path(path)
    files = sorted(str(file) for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        raise AudioError(f"{path}: no audio file in this folder; name one, or a folder that has some")
    return files


def is_url(source: object) -> bool:
    """Whether the source is read over the network."""
    return isinstance(source, str) and source.startswith(("http://", "https://"))
