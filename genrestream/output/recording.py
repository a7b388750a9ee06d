"""The input of a live run as WAV files, which can be read even where the run was killed."""

import contextlib
import struct
import time
from pathlib import Path
from typing import BinaryIO

import numpy as np

from genrestream.errors import UsageError
from genrestream.files import writing

MAX_BYTES = 2**32 - 2**20  # a WAV file counts its bytes in 32 bits
HEADER_S = 1.0  # how often the header is brought up to date: a killed recording loses no more than this
HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


def check_recording(path: str) -> None:
    """Check before any work that a recording can be named so.

    Raises:
        UsageError: It cannot.
    """
    if path == "-":
        raise UsageError("--record -: a recording needs a file, whose header is written anew as it grows; name one")


class Recording:
    """16-bit WAV, written block by block; a further file, ``name-2.wav``, where one is full or the format changes.

    Args:
        path: The first file.

    Attributes:
        paths: The files written so far.

    Raises:
        OutputError: It cannot be written.
    """

    def __init__(self, path: str):
        self._path = Path(path)
        self.paths: list[Path] = []
        self._format: tuple[int, int] | None = None
        self._n_bytes, self._header_s = 0, 0.0
        self._file: BinaryIO = self._open()

    def write(self, samples: np.ndarray, sample_rate: int) -> None:
        """Add samples, shape (n_channels, n_samples), -1 to 1.

        Raises:
            OutputError: They cannot be written; what was written before stays readable.
        """
        pcm = (np.clip(samples.T, -1.0, 1.0) * 32767).round().astype("<i2").tobytes()
        with self._writing():
            if self._format != (len(samples), sample_rate) or self._n_bytes + len(pcm) > MAX_BYTES:
                self._begin(len(samples), sample_rate)
            self._file.write(pcm)
            self._n_bytes += len(pcm)
            if time.monotonic() - self._header_s > HEADER_S:
                self._write_header()

    def close(self) -> None:
        """Bring the header up to date and close the file.

        Raises:
            OutputError: The rest cannot be written.
        """
        with self._writing():
            self._write_header()
            self._file.close()

    def _open(self) -> BinaryIO:
        path = self._path
        if self.paths:
            path = path.with_stem(f"{path.stem}-{len(self.paths) + 1}")
        self.paths.append(path)
        with writing(f"--record {path}"):
            file = open(path, "wb" if len(self.paths) == 1 else "xb", buffering=0)  # noqa: SIM115 - closed by close
            file.write(self._header())
        return file

    def _begin(self, n_channels: int, sample_rate: int) -> None:
        """Take up a format, in the file that is open where nothing is in it yet."""
        is_first = self._format is None
        self._format = n_channels, sample_rate
        if not is_first:
            self._write_header()
            self._file.close()
            self._n_bytes = 0
            self._file = self._open()
        self._write_header()

    def _write_header(self) -> None:
        self._header_s = time.monotonic()
        self._file.seek(0)
        self._file.write(self._header())
        self._file.seek(0, 2)

    def _header(self) -> bytes:
        n_channels, sample_rate = self._format or (1, 44100)
        n_bytes, width = self._n_bytes, 2 * n_channels
        return HEADER.pack(
            b"RIFF", HEADER.size - 8 + n_bytes, b"WAVE", b"fmt ", 16, 1, n_channels, sample_rate,
            sample_rate * width, width, 16, b"data", n_bytes,
        )  # fmt: skip

    def _writing(self) -> contextlib.AbstractContextManager[None]:
        return writing(f"--record {self.paths[-1]}", "the recording ends here")
