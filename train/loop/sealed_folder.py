"""A folder that holds the digest of its own files. Damage anywhere in it is found by reading."""

import hashlib
from pathlib import Path

from genrestream.files import replacing

FILE = "digest"
N_BYTES = 16  # of a digest


def seal(folder: Path) -> None:
    """Write the digest of a folder that is complete; it is on the disk when this returns.

    Raises:
        OSError: It cannot be written.
    """
    digest = _digest(folder)
    with replacing(folder / FILE) as file:
        file.write(digest)


def problem(folder: Path) -> str:
    """Return in a few words why a folder is not as it was sealed; nothing if it is."""
    try:
        return "" if (folder / FILE).read_bytes() == _digest(folder) else "is damaged"
    except FileNotFoundError:
        return "has no digest"
    except OSError as error:
        return f"cannot be read ({(error.strerror or str(error)).lower()})"


def _digest(folder: Path) -> bytes:
    """Return BLAKE2b of all files but the digest, their names included, hexadecimal."""
    whole = hashlib.blake2b(digest_size=N_BYTES)
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / FILE):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, hashlib.blake2b)
        whole.update(f"{path.relative_to(folder).as_posix()} {content.hexdigest()}\n".encode())
    return whole.hexdigest().encode()
