"""A WAV file that can be read at any moment, even where the run was killed."""

import struct
import time
from typing import BinaryIO

import numpy as np

MAX_BYTES = 2**32 - 2**20  # a WAV file counts its bytes in 32 bits
HEADER_S = 1.0  # how often the header is brought up to date: a killed recording loses no more than this
HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


class WavFile:
    """16-bit PCM, written block by block.

    Args:
        file: Where it goes; closed with it.
        n_channels: Its channels.
        sample_rate: Its rate in Hz.
    """

    def __init__(self, file: BinaryIO, n_channels: int, sample_rate: int):
        self._file, self._n_channels, self._sample_rate = file, n_channels, sample_rate
        self._n_bytes = 0
        self._write_header()

    def has_room(self, pcm: np.ndarray) -> bool:
        """Whether these samples can be added."""
        return self._n_bytes + pcm.nbytes <= MAX_BYTES

    def write(self, pcm: np.ndarray) -> None:
        """Add samples, int16, shape (n_samples, n_channels)."""
        self._file.write(pcm.astype("<i2").tobytes())
        self._n_bytes += pcm.nbytes
        if time.monotonic() - self._header_s > HEADER_S:
            self._write_header()

    def close(self) -> None:
        """Bring the header up to date and close the file."""
        self._write_header()
        self._file.close()

    def _write_header(self) -> None:
        self._header_s = time.monotonic()
        width, n_bytes = 2 * self._n_channels, self._n_bytes
        header = HEADER.pack(
            b"RIFF", HEADER.size - 8 + n_bytes, b"WAVE", b"fmt ", 16, 1, self._n_channels, self._sample_rate,
            self._sample_rate * width, width, 16, b"data", n_bytes,
        )  # fmt: skip
        self._file.seek(0)
        self._file.write(header)
        self._file.seek(0, 2)
