"""Containers of chunks, each with an identifier and a size: WAV, AIFF, CAF, W64, DSD, ASF."""

import dataclasses
from typing import BinaryIO, Literal

from genrestream.audio.reading.lengths.extent import Extent

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


def of_chunks(file: BinaryIO, head: bytes, size: int) -> Extent | None:
    """Return where the audio is in a container of chunks; None for another container, or one without audio.

    Args:
        file: The file, opened at its beginning.
        head: Its first 40 bytes.
        size: Its length in bytes.
    """
    for layout in LAYOUTS:
        if _is_of(layout, head):
            return _audio_chunk(file, layout, size)
    return None


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
