"""The bytes of a file's audio by its header, for each container that tells them."""

from pathlib import Path

from genrestream.audio.reading.lengths.chunks import of_chunks
from genrestream.audio.reading.lengths.extent import Extent, Part
from genrestream.audio.reading.lengths.headers import of_header


def extent(path: Path, begin: int = 0) -> Extent | None:
    """Return where a file's audio is, or None for a container that tells no length in bytes.

    Args:
        path: The file.
        begin: Where in it the file proper begins; all places are counted from there.
    """
    with Part(path, begin) as file:
        head, size = file.read(40), path.stat().st_size - begin
        return of_header(file, head, size) or of_chunks(file, head, size)
