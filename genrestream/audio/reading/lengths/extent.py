"""How many bytes of audio a file holds, and how many its header claims: both may be wrong."""

import dataclasses
import io
from pathlib import Path
from typing import BinaryIO, Literal


@dataclasses.dataclass(frozen=True)
class Extent:
    """How much audio a file holds, and what its header claims.

    Attributes:
        claimed: Bytes of audio that the header claims.
        found: Bytes of audio that the file holds.
        size_at: Where in the file the claim is.
        n_size: Bytes of the claim.
        order: Their order.
        start: Where in the file the audio begins.
        counted: Bytes that the claim counts beside the audio.
        next_at: Where another file of the kind begins after it, as joining files makes them; None where none does.
    """

    claimed: int
    found: int
    start: int
    size_at: int
    n_size: int
    order: Literal["little", "big"]
    counted: int = 0
    next_at: int | None = None

    @property
    def is_placeholder(self) -> bool:
        """Whether the claim was written before the length was known: nothing, the most, or just under 2 or 4 GiB."""
        if self.n_size == 8:
            return self.claimed == 0 or self.claimed >= 1 << 62
        return self.claimed == 0 or 0x7FFF_0000 <= self.claimed <= 0x8000_0000 or self.claimed > 0xFFFF_FF00

    @property
    def whole(self) -> tuple[int, int]:
        """Bytes of the file that are there and that there should be, header included."""
        return self.start + self.found, self.start + self.claimed

    @property
    def is_cut(self) -> bool:
        """Whether the file ends before the audio does; a last padding byte is often left out."""
        return not self.is_placeholder and self.claimed > self.found + 1

    @property
    def is_understated(self) -> bool:
        """Whether the file holds more audio than its header claims."""
        return self.claimed < self.found


def corrected(path: Path, at: Extent) -> BinaryIO:
    """Return the file as it would be with the size of all the audio that it holds in its header."""
    largest = (1 << 8 * at.n_size) - 1  # of a size of 4 bytes it means: to the end of the file
    size = min(at.found + at.counted, largest)
    return Part(path, 0, at.size_at, size.to_bytes(at.n_size, at.order))


class Part(io.FileIO):
    """A file without its beginning, which reads as if some of its bytes were others.

    Args:
        path: The file.
        begin: Where the part begins; places are counted from there.
        offset: Where the other bytes are.
        patch: What they are.
    """

    def __init__(self, path: Path, begin: int, offset: int = 0, patch: bytes = b""):
        super().__init__(path)
        self._begin, self._offset, self._patch = begin, offset, patch
        self.seek(0)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place as FileIO does."""
        return super().seek(offset + self._begin * (whence == 0), whence) - self._begin

    def tell(self) -> int:
        """Return the place as FileIO does."""
        return super().tell() - self._begin

    def read(self, n_bytes: int | None = -1, /) -> bytes:
        """Return bytes as FileIO does."""
        at = self.tell()
        data = bytearray(super().read(-1 if n_bytes is None else n_bytes) or b"")
        for place, byte in enumerate(self._patch, self._offset - at):
            if 0 <= place < len(data):
                data[place] = byte
        return bytes(data)
