"""Sources: any file, pipe or network stream that FFmpeg reads, block by block, in constant memory."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import av
import av.error
import numpy as np
from av.logging import PANIC, set_level

from genrestream.audio.formats import (
    FILE_PROTOCOLS,
    MAX_CHANNELS,
    NETWORK_PROTOCOLS,
    PLAYLISTS,
    SAMPLE_RATES,
    RawFormat,
    is_url,
)
from genrestream.audio.pcm import planes
from genrestream.errors import AudioError

NETWORK_TIMEOUT_S = 15.0


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
