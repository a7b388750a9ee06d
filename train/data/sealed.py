"""Files that carry their own checksums: a header of JSON, then bytes. Damage anywhere in them is found by reading.

::

    32 hexadecimal digits      BLAKE2b of the rest of the header
    JSON, padded with spaces   what the writer says about the file; length and BLAKE2b of what follows
    from HEADER_BYTES on       the content
"""

import contextlib
import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from genrestream.errors import GenrestreamError
from genrestream.files import replacing

HEADER_BYTES = 4096
N_DIGITS = 32  # of a digest
BLOCK_BYTES = 1 << 20


class DamagedError(GenrestreamError):
    """A file is not what was once written, or cannot be read."""


@dataclasses.dataclass(frozen=True)
class Header:
    """The header of a sealed file.

    Attributes:
        about: What the writer said about the file.
        n_bytes: Length of the content.
        digest: BLAKE2b of the content, hexadecimal.
    """

    about: dict[str, Any]
    n_bytes: int
    digest: str


def write(path: Path, about: dict[str, Any], content: Iterable[bytes]) -> None:
    """Write a sealed file, which is on the disk when this returns; until then the old file stays.

    Args:
        path: The file.
        about: What to say about it, as JSON takes it.
        content: Its content, in pieces.

    Raises:
        OSError: It cannot be written.
        ValueError: ``about`` does not fit into the header.
    """
    hashed, n_bytes = _hash(), 0
    with replacing(path) as file:
        file.write(bytes(HEADER_BYTES))
        for piece in content:
            file.write(piece)
            hashed.update(piece)
            n_bytes += len(piece)
        file.seek(0)
        file.write(_packed(Header(about, n_bytes, hashed.hexdigest())))


def about(path: Path) -> dict[str, Any]:
    """Return what the writer said about the file; its content is not checked.

    Raises:
        DamagedError: The header is damaged or the file cut short, or it cannot be read.
    """
    with _opened(path) as (header, _):
        return header.about


def verify(path: Path) -> Header:
    """Return the header after the content was checked too, in constant memory.

    Raises:
        DamagedError: Header or content is damaged or cut short, or cannot be read.
    """
    with _opened(path) as (header, file):
        hashed = _hash()
        while block := file.read(BLOCK_BYTES):
            hashed.update(block)
        _compare(path, header, hashed.hexdigest())
        return header


def read(path: Path) -> tuple[dict[str, Any], bytes]:
    """Return what the writer said about the file, and its content.

    Raises:
        DamagedError: Header or content is damaged or cut short, or cannot be read.
    """
    with _opened(path) as (header, file):
        content = file.read()
        _compare(path, header, _hash(content).hexdigest())
        return header.about, content


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[Header, IO[bytes]]]:
    try:
        with path.open("rb") as file:
            header = _unpacked(path, file.read(HEADER_BYTES))
            n_bytes = os.fstat(file.fileno()).st_size - HEADER_BYTES
            if n_bytes != header.n_bytes:
                raise DamagedError(f"{path}: holds {n_bytes} bytes, must hold {header.n_bytes}")
            yield header, file
    except OSError as error:
        raise DamagedError(f"{path}: cannot be read ({(error.strerror or str(error)).lower()})") from error


def _packed(header: Header) -> bytes:
    text = json.dumps(dataclasses.asdict(header)).encode()
    if len(text) > HEADER_BYTES - N_DIGITS:
        raise ValueError(f"a header of {len(text)} bytes must have at most {HEADER_BYTES - N_DIGITS}")
    text = text.ljust(HEADER_BYTES - N_DIGITS)
    return _hash(text).hexdigest().encode() + text


def _unpacked(path: Path, packed: bytes) -> Header:
    digest, text = packed[:N_DIGITS], packed[N_DIGITS:]
    if len(packed) < HEADER_BYTES or digest != _hash(text).hexdigest().encode():
        raise DamagedError(f"{path}: its header is damaged")
    return Header(**json.loads(text))


def _compare(path: Path, header: Header, digest: str) -> None:
    if digest != header.digest:
        raise DamagedError(f"{path}: its content is damaged")


def _hash(content: bytes = b"") -> "hashlib.blake2b":
    return hashlib.blake2b(content, digest_size=N_DIGITS // 2)
