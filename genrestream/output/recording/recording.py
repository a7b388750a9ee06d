"""A recording: one file after another of what the listener receives."""

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import av.error
import numpy as np

from genrestream.errors import OptionError, OutputError, UsageError, check_number
from genrestream.files import writing
from genrestream.output.recording.encoded import ENCODINGS, LAYOUTS, EncodedFile, check_encoder
from genrestream.output.recording.wav import WavFile

SHORTEST_H, LONGEST_H = 0.001, 1e6


def check_recording(path: str | None, rotate_h: float | None = None, n_inputs: int = 1) -> None:
    """Check before any work that a recording can be named so.

    Raises:
        UsageError: It cannot, or there are several inputs.
    """
    if rotate_h is not None:
        check_number("rotate_h", rotate_h, SHORTEST_H, LONGEST_H, f"from {SHORTEST_H:g} to {LONGEST_H:g} hours")
        if path is None:
            raise OptionError("rotate_h", rotate_h, "needs a recording; give --record FILE")
    if path is None:
        return
    if n_inputs != 1:
        raise UsageError(f"--record {path}: records one input, {n_inputs} are given")
    if path == "-":
        raise UsageError("--record -: a recording needs a file, whose header is written again as it grows; name one")
    suffix = Path(path).suffix.lower()
    if suffix in ENCODINGS:
        check_encoder(path, ENCODINGS[suffix])
    elif suffix != ".wav":
        raise UsageError(f"--record {path}: must end in .wav, .flac, .opus or .mp3")


class Recording:
    """What was received, as WAV (16 bits), FLAC, Opus or MP3 by the suffix of the path.

    A further file, ``name-2.wav``, is begun where one is full or long enough, or where the input's format changes;
    numbers whose files exist are left out.

    Args:
        path: The first file.
        rotate_h: Hours after which a further file is begun.

    Attributes:
        paths: The files written so far.

    Raises:
        OutputError: It cannot be written.
    """

    def __init__(self, path: str, rotate_h: float | None = None):
        self._path, self._most_s = Path(path), math.inf if rotate_h is None else 3600 * rotate_h
        self._encoding = ENCODINGS.get(self._path.suffix.lower())
        self.paths: list[Path] = []
        self._number = 1
        self._format: tuple[int, int] | None = None
        self._written_s = 0.0
        self._file: WavFile | EncodedFile | None = None  # until the input's format is known
        self._handle = self._open()

    def write(self, samples: np.ndarray, sample_rate: int) -> None:
        """Add samples, shape (n_channels, n_samples), -1 to 1; none change nothing.

        Raises:
            OutputError: They cannot be written; what was written before stays readable.
        """
        if not samples.shape[1]:  # an encoder takes no empty frame
            return
        pcm = (np.clip(samples.T, -1.0, 1.0) * 32767).round().astype(np.int16)
        with self._writing():
            file = self._file_for(pcm, (len(samples), sample_rate))
            file.write(pcm)
            self._written_s += len(pcm) / sample_rate

    def close(self) -> None:
        """Finish the last file.

        Raises:
            OutputError: The rest cannot be written.
        """
        with self._writing():
            (self._file or self._handle).close()

    def _file_for(self, pcm: np.ndarray, form: tuple[int, int]) -> WavFile | EncodedFile:
        """Return the file that takes the samples: the present one, or another where it does not."""
        if self._file:
            if form == self._format and self._written_s < self._most_s and self._file.has_room(pcm):
                return self._file
            self._file.close()
            self._file, self._handle = None, self._open()
        self._format, self._written_s = form, 0.0
        if self._encoding and form[0] > len(LAYOUTS):
            rule = f"holds at most {len(LAYOUTS)} channels, the input has {form[0]}; record into .wav"
            raise OutputError(f"--record {self.paths[-1]}: {rule}")
        if os.fstat(self._handle.fileno()).st_size:  # a device cannot be cut
            self._handle.truncate(0)
        self._file = (
            EncodedFile(self._handle, *form, self._encoding) if self._encoding else WavFile(self._handle, *form)
        )
        return self._file

    def _open(self) -> BinaryIO:
        """Open the next file: the first is replaced once there is something to record, the others are new."""
        path = self._path
        while self.paths and (path == self._path or path.exists()):
            self._number += 1
            path = self._path.with_stem(f"{self._path.stem}-{self._number}")
        self.paths.append(path)
        with writing(f"--record {path}"):
            if len(self.paths) == 1:
                return open(path, "wb", buffering=0, opener=_keeping)
            return open(path, "xb", buffering=0)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Turn what FFmpeg or the system raises into one line, and give up the file."""
        name, remedy = f"--record {self.paths[-1]}", "the recording ends here"
        try:
            with writing(name, remedy):
                yield
        except av.error.FFmpegError as error:
            self._handle.close()
            raise OutputError(f"{name}: cannot be written ({(error.strerror or '').lower()}); {remedy}") from error
        except OutputError:
            self._handle.close()
            raise


def _keeping(path: str, flags: int) -> int:
    """Open a file without emptying it."""
    return os.open(path, flags & ~os.O_TRUNC, 0o666)
