"""One file through a session: the middle of it, as ``genrestream file`` would classify it."""

from collections.abc import Iterator
from typing import Any

from genrestream.audio.chunks import MIN_PIECE_S
from genrestream.audio.source import AudioSource
from genrestream.errors import AudioError
from genrestream.library.table.track import Found, classified_track
from genrestream.streaming.pipeline import joined, named
from genrestream.streaming.session import MeasuredChunk, Session

JOINED_S = 4.0  # a block of a few milliseconds costs more in Python calls than in computation


class Excerpt:
    """A file that is being classified. Iterate for its chunks, let the session decide on each, then take the row.

    Args:
        found: The file.
        duration_s: Its length in seconds if known.
        per_track: Seconds to classify from the middle; 0 classifies all.
        session: A new session.
    """

    def __init__(self, found: Found, duration_s: float | None, per_track: float, session: Session):
        self._found, self._session = found, session
        self._window = window(duration_s, per_track)
        session.source = found.path
        self._source: AudioSource | None = None

    def __iter__(self) -> Iterator[MeasuredChunk]:
        """Yield the chunks.

        Raises:
            AudioError: It cannot be opened, decoded or used.
        """
        with AudioSource(self._found.path, window=self._window) as self._source:
            for block, rate in joined(self._source, JOINED_S):
                with named(self._found.path):
                    chunks = self._session.chunks(block, rate)
                yield from chunks
            yield from self._session.last_chunks()

    def row(self) -> dict[str, Any]:
        """Return the session's verdict so far, as fields of the row.

        Raises:
            AudioError: There is too little audio to classify.
        """
        self._session.settle()
        return row_of(self._session, self.problems, self._window, self._session.position_s)

    @property
    def problems(self) -> tuple[str, ...]:
        """The damage that was found in the file, one line each."""
        return tuple(self._source.problems) if self._source else ()


def row_of(
    session: Session, problems: tuple[str, ...], part: tuple[float, float] | None, classified_s: float
) -> dict[str, Any]:
    """Return a session's verdict on a file, as fields of its row.

    Args:
        session: A session that has decided on all chunks.
        problems: The damage that was found in the file, one line each.
        part: The window that was classified; None for all of it.
        classified_s: Seconds that were classified.

    Raises:
        AudioError: There is too little audio to classify.
    """
    verdict = session.verdict(problems)
    if verdict.n_chunks == 0:
        raise AudioError(f"{session.source}: too short; at least {MIN_PIECE_S:g} s of audio is needed")
    row = classified_track(verdict, part[0] if part else 0.0) | {"classified_s": round(classified_s, 3)}
    return row if part else row | {"duration_s": row["classified_s"]}


def window(duration_s: float | None, per_track: float) -> tuple[float, float] | None:
    """Return the first and last second to classify: the middle, or the beginning of a file of unknown length."""
    if not per_track or (duration_s is not None and duration_s <= per_track):
        return None
    start_s = 0.0 if duration_s is None else (duration_s - per_track) / 2
    return start_s, start_s + per_track
