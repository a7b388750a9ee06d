"""Pipes as FFmpeg reads them: unbuffered, interruptible, with a look at their first bytes."""

import os
from typing import Any


class Pipe:
    """Standard input, a FIFO or a file object that cannot seek.

    FFmpeg reads it in a callback, and no interrupt can leave that: it ends the input and is raised later.

    Args:
        source: ``-`` for standard input, the path of a FIFO, or a binary file object.

    Attributes:
        is_interrupted: Whether Ctrl-C came during a read.
    """

    def __init__(self, source: Any):
        self._is_ours = isinstance(source, str | os.PathLike)
        path = 0 if source == "-" else source
        self._file: Any = source
        if self._is_ours:
            self._file = open(path, "rb", buffering=0, closefd=path != 0)  # noqa: SIM115 - closed by close()
        self._first = b""
        self.is_interrupted = False

    def peek(self, n_bytes: int) -> bytes:
        """Return the first bytes, which ``read`` returns again."""
        while len(self._first) < n_bytes and (more := self._read(n_bytes - len(self._first))):
            self._first += more
        return self._first

    def read(self, n_bytes: int) -> bytes:
        """Return what is there, at most so many bytes; none at the end."""
        if self._first:
            first, self._first = self._first[:n_bytes], self._first[n_bytes:]
            return first
        return self._read(n_bytes)

    def close(self) -> None:
        """Close what was opened here; a file object belongs to its owner."""
        if self._is_ours:
            self._file.close()

    def _read(self, n_bytes: int) -> bytes:
        try:
            return b"" if self.is_interrupted else self._file.read(n_bytes) or b""
        except KeyboardInterrupt:
            self.is_interrupted = True
            return b""
