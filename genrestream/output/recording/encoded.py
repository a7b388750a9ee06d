"""FLAC, Opus and MP3 files, written packet by packet, so that a killed recording can be read."""

import dataclasses
from fractions import Fraction
from typing import Any, BinaryIO

import av
import numpy as np
from av.codec.codec import Codec, UnknownCodecError

from genrestream.errors import UsageError

LAYOUTS = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")  # by the number of channels
OPTIONS = {"flush_packets": "1"}  # a packet goes to the disk when it is made
PAGE = {"page_duration": "200000"}  # and an Ogg page, which holds several, five times a second


@dataclasses.dataclass(frozen=True)
class Encoding:
    """How one kind of file is made.

    Attributes:
        encoder: FFmpeg's name of the encoder.
        container: FFmpeg's name of the container.
        max_channels: More are mixed to stereo.
        bit_rate: Bits a second for each channel; None where nothing is lost.
    """

    encoder: str
    container: str
    max_channels: int
    bit_rate: int | None = None


ENCODINGS = {
    ".flac": Encoding("flac", "flac", 8),
    ".opus": Encoding("libopus", "ogg", 2, 64_000),
    ".mp3": Encoding("libmp3lame", "mp3", 2, 96_000),
}


def check_encoder(path: str, encoding: Encoding) -> None:
    """Check that FFmpeg can write such a file.

    Raises:
        UsageError: It was built without the encoder.
    """
    try:
        Codec(encoding.encoder, "w")
    except UnknownCodecError:
        rule = f"this build of FFmpeg has no encoder {encoding.encoder}; record into .wav"
        raise UsageError(f"--record {path}: {rule}") from None


class EncodedFile:
    """One encoded file.

    Args:
        file: Where it goes; closed with it.
        n_channels: Channels of the input, at most 8.
        sample_rate: Its rate in Hz; an encoder that does not take it gets the next higher one that it takes, or its
            highest.
        encoding: How it is encoded.
    """

    def __init__(self, file: BinaryIO, n_channels: int, sample_rate: int, encoding: Encoding):
        self._file, self._sample_rate, self._n_samples = file, sample_rate, 0
        self._layout = LAYOUTS[n_channels - 1]
        options = OPTIONS | (PAGE if encoding.container == "ogg" else {})
        self._container = av.open(file, "w", format=encoding.container, options=options)
        layout = self._layout if n_channels <= encoding.max_channels else "stereo"
        rates = sorted(Codec(encoding.encoder, "w").audio_rates or [sample_rate])
        rate = next((one for one in rates if one >= sample_rate), rates[-1])
        self._stream: Any = self._container.add_stream(encoding.encoder, rate=rate, layout=layout)
        if encoding.bit_rate:
            self._stream.bit_rate = encoding.bit_rate * min(n_channels, encoding.max_channels)

    def has_room(self, pcm: np.ndarray) -> bool:
        """Whether these samples can be added: always."""
        return True

    def write(self, pcm: np.ndarray) -> None:
        """Add samples, int16, shape (n_samples, n_channels); the encoder resamples and mixes them where it must."""
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm).reshape(1, -1), format="s16", layout=self._layout)
        frame.sample_rate, frame.pts = self._sample_rate, self._n_samples
        frame.time_base = Fraction(1, self._sample_rate)
        self._n_samples += len(pcm)
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Write what the encoder still holds, and close the file."""
        with self._file:
            self._container.mux(self._stream.encode(None))
            self._container.close()
