"""A visitor's file on its way from the network to the decoder: never on a disk, in bounded memory."""

import os
import threading
from collections.abc import Callable

from genrestream.audio.formats import RawFormat
from genrestream.audio.source import AudioSource
from genrestream.errors import AudioError

MAX_WAITING = 1 << 20  # bytes that wait for the decoder; then the network waits
MAX_KEPT = 64 << 20  # bytes of an MP4, whose index may be at the end
FIRST = 12  # bytes that tell an MP4
READING_S = 30.0  # that the decoder waits where no byte comes
MAX_NAME = 200


class Upload:
    """Bytes of one file; the network puts, the decoder reads.

    Of a file that is no MP4 only what waits is kept. An MP4 may have its index at its end, so all of it is kept, and
    the decoder may go back.

    Args:
        name: What the visitor calls it; only shown.

    Attributes:
        name: The same, cut to 200 characters.
        n_bytes: Bytes received.
        problem: Why it broke off; empty where it did not.
    """

    def __init__(self, name: str):
        self.name = name[:MAX_NAME] or "upload"
        self.n_bytes, self.problem = 0, ""
        self._bytes, self._first, self._place = bytearray(), 0, 0  # the number of the first that is kept; of the next
        self._is_kept = self._is_ended = False
        self._changed = threading.Condition()

    def put(self, data: bytes) -> bool:
        """Add bytes, waiting for room; return False where nobody reads any more."""
        with self._changed:
            if self._is_ended:
                return False
            self._bytes += data
            self.n_bytes += len(data)
            self._is_kept = self._is_kept or (self._first == 0 and self._bytes[4:8] == b"ftyp")
            self._changed.notify_all()
            if self._is_kept:
                if len(self._bytes) > MAX_KEPT:
                    self._end(f"is an MP4 of more than {MAX_KEPT >> 20} MB, which cannot be read while it comes")
            else:
                self._changed.wait_for(lambda: self._is_ended or self.has_room(0))
            return not self._is_ended

    def has_room(self, n_bytes: int) -> bool:
        """Whether ``put`` would take so many bytes without waiting."""
        return self._is_kept or len(self._bytes) + n_bytes <= MAX_WAITING

    def end(self, problem: str = "") -> None:
        """Say that no more bytes come, and why, where that is not the file's end."""
        with self._changed:
            self._end(problem)

    def close(self) -> None:
        """Stop reading: nobody wants the rest."""
        with self._changed:
            self._is_ended = True
            self._bytes.clear()
            self._changed.notify_all()

    def opened(self, raw: RawFormat) -> AudioSource:
        """Open it, when enough has come to tell what it is.

        Raises:
            AudioError: It is no audio, or broke off.
        """
        with self._changed:
            self._wait(lambda: len(self._bytes) >= FIRST)
            if self.problem or not self._bytes:
                raise AudioError(f"{self.name}: {self.problem or 'is empty'}")
        return AudioSource(_Seekable(self) if self._is_kept else _Pipe(self), raw)  # type: ignore[arg-type]

    def _end(self, problem: str) -> None:
        if not self._is_ended:
            self._is_ended, self.problem = True, problem
            self._changed.notify_all()

    def _wait(self, is_there: Callable[[], bool]) -> None:
        """Wait until something is there or the file has ended, however long that takes while bytes come."""
        while not (is_there() or self._is_ended):
            n_bytes = self.n_bytes
            if not self._changed.wait_for(lambda n=n_bytes: self.n_bytes > n or self._is_ended, READING_S):
                self._end(f"nothing came for {READING_S:g} s")

    def read(self, n_bytes: int) -> bytes:
        """Return the next bytes, at most so many; none at the end, or where it broke off. Waits for them."""
        with self._changed:
            self._wait(lambda: self._first + len(self._bytes) > self._place)
            if self.problem:  # the answer is an error: what waits needs no decoding
                return b""
            start = self._place - self._first
            data = bytes(self._bytes[start : start + n_bytes])
            self._place += len(data)
            if not self._is_kept:
                del self._bytes[: self._place - self._first]
                self._first = self._place
            self._changed.notify_all()
            return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place of what is kept; the end is known once all has come."""
        with self._changed:
            if whence == os.SEEK_END:
                self._wait(lambda: False)
            base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self.n_bytes}[whence]
            self._place = max(0, base + offset)
            return self._place


class _Pipe:
    """An upload as a file that is read from its start to its end."""

    def __init__(self, upload: Upload):
        self.name, self.read = upload.name, upload.read


class _Seekable(_Pipe):
    """An upload as a file in which one may go back."""

    def __init__(self, upload: Upload):
        super().__init__(upload)
        self.seek, self._upload = upload.seek, upload

    def tell(self) -> int:
        """Return the place of the next byte."""
        return self._upload.seek(0, os.SEEK_CUR)

    def seekable(self) -> bool:
        """Return True."""
        return True
