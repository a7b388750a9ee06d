"""Sources: any file, pipe or network stream that FFmpeg reads, block by block, in constant memory."""

import dataclasses
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import av
import av.error
import numpy as np
from av.logging import PANIC, set_level

from genrestream.errors import AudioError, UsageError

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
NETWORK_TIMEOUT_S = 15.0

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
            raise UsageError(f"--raw-rate {self.raw_rate}: must be from 1000 to 1000000 Hz")
        if not 1 <= self.raw_channels <= MAX_CHANNELS:
            raise UsageError(f"--raw-channels {self.raw_channels}: must be from 1 to {MAX_CHANNELS}")
        if self.raw_format not in RAW_FORMATS:
            raise UsageError(f"--raw-format {self.raw_format}: must be one of {', '.join(RAW_FORMATS)}")


RAW_FORMATS = ("u8", "s16le", "s16be", "s24le", "s24be", "s32le", "s32be", "f32le", "f32be", "f64le", "f64be")


class AudioSource:
    """One opened input; iterate over it for blocks, close it after, or use it in a ``with``.

    Iteration yields float32 blocks of shape (n_channels, n_samples), -1 to 1, each with its sample rate, which a
    stream may change on its way.

    Args:
        source: A path, an ``http(s)://`` address, ``-`` for standard input, or a binary file object.
        raw: The format of bare samples.

    Attributes:
        name: What was opened, for messages.
        duration_s: The length that the header claims, in seconds; None where it claims none.
        problems: What was wrong with the data but did not stop the decoding, one line each; filled as it goes.

    Raises:
        AudioError: It cannot be opened, or has no audio.
    """

    def __init__(self, source: str | Path | BinaryIO, raw: RawFormat | None = None):
        self.name = _name(source)
        self.problems: list[str] = []
        self._stdin = _StandardInput() if source == "-" else None
        _silence_ffmpeg()
        try:
            self._container = _open(self._stdin or source, raw or RawFormat())
        except (av.error.FFmpegError, OSError, ValueError) as error:
            self._heed_interrupt()
            raise AudioError(f"{self.name}: {_cause(error)}") from error
        if not is_url(source) and PLAYLISTS & set(self._container.format.name.split(",")):
            self.close()
            raise AudioError(f"{self.name}: is a playlist; name the files that it lists")
        if not self._container.streams.audio:
            self.close()
            raise AudioError(f"{self.name}: has no audio stream; give a file with sound")
        self._stream = self._container.streams.audio[0]
        self.duration_s = self._claimed_s()
        if self._container.format.name == "wav" and isinstance(source, str | Path) and Path(source).is_file():
            self.problems += _cut_wav(Path(source))

    def __enter__(self) -> "AudioSource":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_endless(self) -> bool:
        """Whether it is a network stream that has no end of its own, such as a radio station."""
        return is_url(self.name) and self._container.size <= 0

    def close(self) -> None:
        """Close the file or connection."""
        self._container.close()

    def __iter__(self) -> Iterator[tuple[np.ndarray, int]]:
        decoded_s, damaged, cause = 0.0, 0, ""
        for frames in self._packets():
            if isinstance(frames, str):
                damaged, cause = damaged + 1, frames
                continue
            for frame in frames:
                decoded_s += frame.samples / self._check(frame)
                yield planes(_samples(frame), frame.layout.nb_channels), frame.sample_rate
        self._heed_interrupt()
        if decoded_s == 0:
            raise AudioError(f"{self.name}: no audio could be decoded ({cause or 'the stream is empty'})")
        if damaged:
            self.problems.append(f"{damaged} damaged packet{'s' * (damaged > 1)} skipped ({cause})")
        if self.duration_s and decoded_s < self.duration_s - max(1.0, 0.02 * self.duration_s):
            self.problems.append(f"cut short: {decoded_s:.1f} s of the {self.duration_s:.1f} s that its header claims")

    def _packets(self) -> Iterator[list[Any] | str]:
        """Yield each packet's frames, or the cause in words where it is damaged."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except (av.error.FFmpegError, OSError) as error:  # the rest cannot be reached
                yield _cause(error)
                return
            if packet is None:
                return
            try:
                frames = packet.decode()
            except av.error.FFmpegError as error:
                frames = _cause(error)
            yield frames

    def _check(self, frame: Any) -> int:
        if frame.sample_rate not in SAMPLE_RATES:
            raise AudioError(f"{self.name}: sample rate {frame.sample_rate} Hz must be from 1000 to 1000000 Hz")
        if not 1 <= frame.layout.nb_channels <= MAX_CHANNELS:
            raise AudioError(f"{self.name}: {frame.layout.nb_channels} channels, must be 1 to {MAX_CHANNELS}")
        return frame.sample_rate

    def _heed_interrupt(self) -> None:
        if self._stdin and self._stdin.is_interrupted:
            raise KeyboardInterrupt

    def _claimed_s(self) -> float | None:
        stream = self._stream
        if stream.duration is not None and stream.time_base is not None:
            claimed_s = float(stream.duration * stream.time_base)
        elif self._container.duration is not None and len(self._container.streams) == 1:  # else it may be the film's
            claimed_s = self._container.duration / av.time_base
        else:
            return None
        # Without a header of its own an MP3's or AAC's length is FFmpeg's guess from the bit rate: claim nothing.
        guessed = self._container.format.name in ("mp3", "aac") and not stream.start_time
        return claimed_s if claimed_s > 0 and not guessed else None


def _samples(frame: Any) -> np.ndarray:
    if frame.format.is_planar and frame.layout.nb_channels > 7:  # PyAV 18 reads past its 8 pointers and crashes
        (frame,) = av.AudioResampler(format="flt").resample(frame)
    return frame.to_ndarray()


def planes(samples: np.ndarray, n_channels: int) -> np.ndarray:
    """Return PCM of any integer or float type as float32, shape (n_channels, n_samples), -1 to 1.

    Args:
        samples: Shape (n_channels, n_samples), or (1, n_samples * n_channels) interleaved.
        n_channels: Channels that it holds.
    """
    if samples.shape[0] != n_channels:
        samples = samples.reshape(-1, n_channels).T
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128
    if np.issubdtype(samples.dtype, np.signedinteger):
        return samples.astype(np.float32) / -float(np.iinfo(samples.dtype).min)
    if np.issubdtype(samples.dtype, np.floating):
        return samples.astype(np.float32, copy=False)
    raise UsageError(f"samples of type {samples.dtype} must be uint8, a signed integer or a float")


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


def _open(source: "str | Path | BinaryIO | _StandardInput", raw: RawFormat) -> Any:
    demuxer, options = None, {"protocol_whitelist": FILE_PROTOCOLS}
    is_path = isinstance(source, str | Path)
    if raw.raw_rate is not None and not is_path:
        demuxer = raw.raw_format
        options |= {"sample_rate": str(raw.raw_rate), "ch_layout": f"{raw.raw_channels}C"}
    if is_url(source):
        options["protocol_whitelist"] = NETWORK_PROTOCOLS
        return av.open(str(source), format=demuxer, options=options, timeout=NETWORK_TIMEOUT_S)
    if not is_path:
        return av.open(source, format=demuxer, options=options)
    path = Path(source)
    if path.is_dir():
        raise IsADirectoryError("is a folder; name a file")
    if path.is_file() and path.stat().st_size == 0:
        raise ValueError("is empty")
    return av.open(
        f"file:{path}", format=demuxer, options=options
    )  # "file:" keeps a colon in a name from being a protocol


def _cut_wav(path: Path) -> list[str]:
    """Return what a WAV's header claims beyond the file's end: FFmpeg trusts the file and says nothing."""
    with path.open("rb") as file:
        claimed = 8 + int.from_bytes(file.read(8)[4:], "little")
    size = path.stat().st_size
    from_pipe = claimed - 8 in range(0x7FFF_0000, 0x8000_0000) or claimed > 0xFFFF_FF00  # the length was not known
    if from_pipe or claimed <= size + 1:  # a padding byte is often left out
        return []
    return [f"cut short: {size:,} bytes of the {claimed:,} that its header claims"]


class _StandardInput:
    """Standard input for FFmpeg, unbuffered: what a live pipe has is heard at once.

    FFmpeg reads it in a callback, out of which no exception can go: an interrupt ends the input and is raised later.
    """

    def __init__(self) -> None:
        self._file = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115 - the process's own
        self.is_interrupted = False

    def read(self, n_bytes: int) -> bytes:
        """Return what is there, at most so many bytes; none at the end."""
        try:
            return b"" if self.is_interrupted else self._file.read(n_bytes)
        except KeyboardInterrupt:
            self.is_interrupted = True
            return b""


def _name(source: object) -> str:
    return str(source) if isinstance(source, str | Path) else getattr(source, "name", "stream")


def _cause(error: Exception) -> str:
    """Return an exception's reason without FFmpeg's numbers and addresses."""
    if isinstance(error, av.error.InvalidDataError):
        return "is not audio that FFmpeg can decode"
    if isinstance(error, av.error.EOFError):  # FFmpeg's words, "End of file", tell a listener nothing
        return "ends too early: it is cut short, or is not audio"
    if isinstance(error, av.error.FFmpegError | OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return str(error)


def _silence_ffmpeg() -> None:
    """Keep FFmpeg's own messages off the terminal: what matters of them is raised or in ``problems``."""
    logging.getLogger("libav").setLevel(logging.CRITICAL)
    set_level(PANIC)
