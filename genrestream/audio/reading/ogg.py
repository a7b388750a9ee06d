"""Chained Ogg: streams one after another in one file or connection, as radio stations send them.

FFmpeg ends at the first link that has other channels or another rate than the one before, so each link is opened as
a file of its own. The pages' headers also tell what FFmpeg does not: pages that are missing, and an end that is.
"""

import zlib
from collections.abc import Callable, Iterator

PAGE, HEAD = b"OggS", 27  # what a page begins with; bytes of its header before the segment table
FIRST, LAST = 2, 4  # flags of a logical stream's first and last page
N_READ = 16_384
MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class Ogg:
    """A physical stream of Ogg pages, cut into its links.

    Args:
        read: Returns some of the next bytes, at most as many as asked for; none at the end.

    Attributes:
        n_lost: Pages that are missing, by their numbers, or damaged, by their checksums: FFmpeg drops those.
        is_ended: Whether the last page read marks the end of its stream.
    """

    def __init__(self, read: Callable[[int], bytes]):
        self._read_bytes = read
        self._buffer = bytearray()
        self._next: bytes | None = None  # the first page of the next link
        self._numbers: dict[bytes, int] = {}
        self._has_content = False
        self.n_lost = 0
        self.is_ended = False

    def links(self) -> Iterator["Link"]:
        """Yield each link; what was not read of one is skipped for the next."""
        link = Link(self)
        while True:
            yield link
            while self.page():
                pass
            if self._next is None:
                return
            self._has_content, self._numbers = False, {}
            link = Link(self, self._next)
            self._next = None

    def page(self) -> bytes:
        """Return the next page of this link, or the bytes between two; none at the link's end."""
        if self._next is not None:
            return b""
        page = self._take()
        if not page.startswith(PAGE) or len(page) < HEAD:
            return page
        if page[5] & FIRST and self._has_content:
            self._next = page
            return b""
        self._note(page)
        return page

    def _note(self, page: bytes) -> None:
        serial, number = page[14:18], int.from_bytes(page[18:22], "little")
        expected = self._numbers.get(serial, number)
        self.n_lost += max(0, min(number - expected, 1000))
        self.n_lost += not page[5] & FIRST and not is_intact(page)  # without its first page a link cannot be opened
        self._numbers[serial] = number + 1
        self._has_content |= not page[5] & FIRST
        self.is_ended = bool(page[5] & LAST)

    def _take(self) -> bytes:
        """Take a whole page off the stream, or what is no page."""
        while len(self._buffer) < HEAD and self._fill():
            pass
        start = self._buffer.find(PAGE)
        if start != 0:
            return self._off(start if start > 0 else max(1, len(self._buffer) - 3))
        while len(self._buffer) < HEAD + 255 and len(self._buffer) < self._page_size() and self._fill():
            pass
        size = self._page_size()
        while len(self._buffer) < size and self._fill():
            pass
        if len(self._buffer) < size:  # the file ends within the page
            self._buffer[5] &= ~LAST
        return self._off(self._cut_at(size) or size)

    def _cut_at(self, size: int) -> int:
        """Return where another page begins within this one, whose end is missing; 0 where it is whole."""
        at = self._buffer.find(PAGE, 1, size + len(PAGE) - 1)
        if at < 0 or at >= size or is_whole(bytes(self._buffer[:size])):  # a page may hold these four letters
            return 0
        self.n_lost += 1
        self._buffer[5] &= ~LAST
        return at

    def _page_size(self) -> int:
        if len(self._buffer) < HEAD:
            return HEAD
        n_segments = self._buffer[26]
        table = self._buffer[HEAD : HEAD + n_segments]
        return HEAD + n_segments + sum(table) if len(table) == n_segments else HEAD + 255

    def _fill(self) -> bool:
        more = self._read_bytes(N_READ)
        self._buffer += more
        return bool(more)

    def _off(self, n_bytes: int) -> bytes:
        taken = bytes(self._buffer[:n_bytes])
        del self._buffer[:n_bytes]
        return taken


def is_intact(page: bytes) -> bool:
    """Whether a page's checksum is right; a page that the file's end cuts short counts as intact."""
    return len(page) < HEAD + page[26] + sum(page[HEAD : HEAD + page[26]]) or is_whole(page)


def is_whole(page: bytes) -> bool:
    """Whether a page is all there and right.

    The checksum is zlib's CRC-32 with the bits of each byte and of the sum in the other order, and begins with zero.
    """
    mirrored = (page[:22] + bytes(4) + page[26:]).translate(MIRRORED)
    checksum = zlib.crc32(mirrored, 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return checksum.to_bytes(4, "big").translate(MIRRORED) == page[22:26]


class Link:
    """One link, as a file that FFmpeg can read forwards."""

    def __init__(self, ogg: Ogg, first: bytes = b""):
        self._ogg, self._bytes = ogg, first
        if first:
            ogg._note(first)

    def read(self, n_bytes: int) -> bytes:
        """Return at most so many bytes; none at the link's end."""
        if not self._bytes:
            self._bytes = self._ogg.page()
        taken, self._bytes = self._bytes[:n_bytes], self._bytes[n_bytes:]
        return taken
