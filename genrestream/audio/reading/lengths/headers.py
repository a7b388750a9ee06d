"""Containers whose header tells the length of all that follows: AU, Matroska, SoX, VOC, ADX."""

from collections.abc import Callable
from typing import BinaryIO, Literal

from genrestream.audio.reading.lengths.extent import Extent

EBML, SEGMENT = bytes.fromhex("1a45dfa3"), bytes.fromhex("18538067")  # Matroska and WebM: the header, then all else
VOC_HEAD = 26  # bytes
MAX_VOC_BLOCKS = 10_000


def of_header(file: BinaryIO, head: bytes, size: int) -> Extent | None:
    """Return where the audio is; None for another container, or one that does not tell the length.

    Args:
        file: The file, opened at its beginning.
        head: Its first 40 bytes.
        size: Its length in bytes.
    """
    for magic, read in READERS.items():
        if head.startswith(magic):
            return read(file, head.ljust(16, b"\0"), size)
    return None


def _au(_: BinaryIO, head: bytes, size: int) -> Extent:
    start, claimed = int.from_bytes(head[4:8], "big"), int.from_bytes(head[8:12], "big")
    return Extent(claimed, max(0, size - start), start, 8, 4, "big")


def _segment(file: BinaryIO, _: bytes, size: int) -> Extent | None:
    """Return how much of Matroska's one segment is there; None where it tells no size, as live streams do."""
    file.seek(len(EBML))
    header = _ebml_size(file)[1]
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


def _sox(_: BinaryIO, head: bytes, size: int) -> Extent:
    """Return how much of a SoX file is there: its header counts samples of four bytes, of all channels together."""
    order: Literal["little", "big"] = "little" if head.startswith(b".SoX") else "big"
    start, claimed = 4 + int.from_bytes(head[4:8], order), 4 * int.from_bytes(head[8:16], order)
    return _held(claimed, start, size, 8, order)


def _voc(file: BinaryIO, _: bytes, size: int) -> Extent | None:
    """Return how much of a Creative Voice file's blocks is there: a kind, three bytes of size, a body."""
    at = VOC_HEAD
    for _block in range(MAX_VOC_BLOCKS):
        file.seek(at)
        block = file.read(4)
        if len(block) < 4 or block[0] == 0:
            return None
        at += 4 + int.from_bytes(block[1:], "little")
        if at > size:
            return _held(at - VOC_HEAD, VOC_HEAD, size, 3, "little")
    return None


def _adx(file: BinaryIO, head: bytes, size: int) -> Extent | None:
    """Return how much of a CRI ADX file is there: its header counts samples, a block has a scale of two bytes."""
    start, n_block, n_channels = 4 + int.from_bytes(head[2:4], "big"), head[5], head[7]
    file.seek(max(0, start - 6))
    if n_block <= 2 or file.read(6) != b"(c)CRI":
        return None
    n_blocks = -(-int.from_bytes(head[12:16], "big") // (2 * (n_block - 2)))
    return _held(n_blocks * n_block * n_channels, start, size, 4, "big")


def _held(claimed: int, start: int, size: int, n_size: int, order: Literal["little", "big"]) -> Extent:
    """Return the extent of audio that FFmpeg reads to the file's end whatever the header claims."""
    found = max(0, size - start)
    return Extent(claimed, min(claimed, found) if claimed else found, start, 0, n_size, order)


READERS: dict[bytes, Callable[[BinaryIO, bytes, int], Extent | None]] = {
    b".snd": _au,
    EBML: _segment,
    b".SoX": _sox,
    b"XoS.": _sox,
    b"Creative Voice File\x1a": _voc,
    b"\x80\x00": _adx,
}
