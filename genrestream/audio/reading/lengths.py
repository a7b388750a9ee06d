"""What a file's header says of its length in bytes, compared with the file: both may be wrong."""

import dataclasses
import io
from pathlib import Path
from typing import BinaryIO, Literal

TAGS = (b"LIST", b"id3 ", b"ID3 ", b"bext", b"iXML", b"cue ", b"smpl", b"fact", b"PEAK", b"_PMX", b"afsp", b"JUNK")
NO_CHUNKS = (b"TAG", b"ID3", b"APETAGEX")  # what taggers append to any file
TAIL = 1 << 20  # bytes at the end that are searched for chunks after the audio
SLACK = 4096  # bytes after the audio that are taken for padding, not for audio


@dataclasses.dataclass(frozen=True)
class Layout:
    """A container of chunks: an identifier, a size, a body.

    Attributes:
        magic: The file's first bytes.
        kind: The bytes at ``kind_at``.
        kind_at: Where they are.
        start: Where the first chunk begins.
        audio: The identifier of the chunk that holds the audio.
        n_id: Bytes of an identifier.
        n_size: Bytes of a size.
        order: The order of a size's bytes.
        counts_head: Whether a size includes the identifier and itself.
        align: Bytes to which a chunk's end is rounded up.
    """

    magic: bytes
    kind: bytes
    kind_at: int
    start: int
    audio: bytes
    n_id: int = 4
    n_size: int = 4
    order: Literal["little", "big"] = "little"
    counts_head: bool = False
    align: int = 2


W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
EBML, SEGMENT = bytes.fromhex("1a45dfa3"), bytes.fromhex("18538067")  # Matroska and WebM: the header, then all else
LAYOUTS = (
    Layout(b"RIFF", b"WAVE", 8, 12, b"data"),
    Layout(b"RF64", b"WAVE", 8, 12, b"data"),
    Layout(b"BW64", b"WAVE", 8, 12, b"data"),
    Layout(b"RIFF", b"AVI ", 8, 0, b"RIFF"),
    Layout(b"FORM", b"AIFF", 8, 12, b"SSND", order="big"),
    Layout(b"FORM", b"AIFC", 8, 12, b"SSND", order="big"),
    Layout(b"caff", b"", 0, 8, b"data", n_size=8, order="big", align=1),
    Layout(b"riff", b"wave", 24, 40, b"data" + W64_TAIL, 16, 8, counts_head=True, align=8),
    Layout(b"FRM8", b"DSD ", 12, 16, b"DSD ", n_size=8, order="big"),
    Layout(b"DSD ", b"fmt ", 28, 28, b"data", n_size=8, counts_head=True, align=1),
    Layout(bytes.fromhex("3026b2758e66cf11"), b"", 0, 0, ASF_DATA, 16, 8, counts_head=True, align=1),
)


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


def extent(path: Path, begin: int = 0) -> Extent | None:
    """Return where a file's audio is, or None for a container that tells no length in bytes.

    Args:
        path: The file.
        begin: Where in it the file proper begins; all places are counted from there.
    """
    with Part(path, begin) as file:
        head, size = file.read(40), path.stat().st_size - begin
        if head.startswith(b".snd"):
            return _au(head, size)
        if head.startswith(EBML):
            return _segment(file, size)
        for layout in LAYOUTS:
            if _is_of(layout, head):
                return _audio_chunk(file, layout, size)
    return None


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


def _au(head: bytes, size: int) -> Extent:
    start, claimed = int.from_bytes(head[4:8], "big"), int.from_bytes(head[8:12], "big")
    return Extent(claimed, max(0, size - start), start, 8, 4, "big")


def _segment(file: BinaryIO, size: int) -> Extent | None:
    """Return how much of Matroska's one segment is there; None where it tells no size, as live streams do."""
    file.seek(len(EBML))
    _, header = _ebml_size(file)
    file.seek(file.tell() + header)
    if file.read(len(SEGMENT)) != SEGMENT:
        return None
    n_size, claimed = _ebml_size(file)
    start = file.tell()
    if not claimed or claimed == (1 << 7 * n_size) - 1:
        return None
    return Extent(claimed, max(0, min(claimed, size - start)), start, start - n_size, n_size, "big")


def _ebml_size(file: BinaryIO) -> tuple[int, int]:
    """Read a size; the zero bits before its first one tell of how many bytes it is. Return that number and the size."""
    first = (file.read(1) or b"\1")[0]
    n_bytes = 9 - max(1, first.bit_length())
    return n_bytes, int.from_bytes(bytes([first]) + file.read(n_bytes - 1), "big") & ((1 << 7 * n_bytes) - 1)


def _audio_chunk(file: BinaryIO, layout: Layout, size: int) -> Extent | None:
    at, long_size_at = layout.start, None
    n_head = layout.n_id + layout.n_size
    while at + n_head <= size:
        identifier, claimed = _head(file, layout, at)
        if identifier == b"ds64":  # RF64 and BW64: the sizes that four bytes cannot hold
            long_size_at = at + n_head + 8
        if identifier == layout.audio:
            return _measured(file, layout, at + n_head, claimed, long_size_at, size)
        at += n_head + claimed
        at += -at % layout.align
    return None


def _measured(file: BinaryIO, layout: Layout, start: int, claimed: int, long_size_at: int | None, size: int) -> Extent:
    size_at, n_size = start - layout.n_size, layout.n_size
    if long_size_at is not None and claimed == 0xFFFF_FFFF:
        size_at, n_size = long_size_at, 8
        file.seek(size_at)
        claimed = int.from_bytes(file.read(8), "little")
    counted = layout.n_id + layout.n_size if layout.counts_head else 0
    found, end, next_at = size - start, start + claimed, None
    if end < size:
        next_at = _next_file(file, layout, end)
        is_padding = claimed > 0 and size - end <= SLACK
        is_honest = next_at or is_padding or layout.audio == b"RIFF" or _are_chunks(file, layout, end, size)
        found = claimed if is_honest else _without_tail(file, layout, start, size) - start
    return Extent(claimed, found, start, size_at, n_size, layout.order, counted, next_at)


def _is_of(layout: Layout, head: bytes) -> bool:
    return head.startswith(layout.magic) and head[layout.kind_at :].startswith(layout.kind)


def _next_file(file: BinaryIO, layout: Layout, end: int) -> int | None:
    """Return where another file of the kind begins after the audio, if one does."""
    at = end + -end % layout.align
    file.seek(at)
    reads_on = layout.audio == layout.magic  # FFmpeg itself does, in AVI
    return at if layout.kind and not reads_on and _is_of(layout, file.read(40)) else None


def _head(file: BinaryIO, layout: Layout, at: int) -> tuple[bytes, int]:
    """Return a chunk's identifier and the size of its body."""
    file.seek(at)
    head = file.read(layout.n_id + layout.n_size)
    size = int.from_bytes(head[layout.n_id :], layout.order)
    return head[: layout.n_id], max(0, size - len(head)) if layout.counts_head else size


def _are_chunks(file: BinaryIO, layout: Layout, at: int, size: int) -> bool:
    """Whether chunks follow from here to the end of the file, or a tag that needs none."""
    at += -at % layout.align
    identifier = b""
    file.seek(at)
    if file.read(8).startswith(NO_CHUNKS):
        return True
    while at + layout.n_id + layout.n_size <= size:
        identifier, body = _head(file, layout, at)
        if layout.n_id == 4 and not (identifier.isascii() and identifier.decode("ascii").isprintable()):
            return False
        at += layout.n_id + layout.n_size + body
        at += -at % layout.align
    return at <= size + layout.align or (layout.n_id == 4 and identifier in TAGS)


def _without_tail(file: BinaryIO, layout: Layout, start: int, size: int) -> int:
    """Return where the audio ends in a file whose header does not tell: before the chunks at its end, if any."""
    begin = max(start, size - TAIL)
    file.seek(begin)
    tail = file.read(size - begin)
    places = sorted(place for tag in TAGS if (place := tail.rfind(tag)) >= 0)
    for place in places:
        if layout.n_id == 4 and _are_chunks(file, layout, begin + place, size):
            return begin + place
    return size
