"""A source through a session's stages, several chunks at a time, with the answers and the order of one by one.

::

    chunks (a thread, some chunks ahead) -> infer (a pool of threads) -> decide (the thread that iterates, in order)

XLA, NumPy and FFmpeg release the interpreter while they work, so threads use all cores.
"""

import dataclasses
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from typing import Any

from genrestream.audio.reading.ahead import Ahead
from genrestream.audio.reading.ending import Ending
from genrestream.streaming.session import Inferred, MeasuredChunk, Session


@dataclasses.dataclass(frozen=True, eq=False)
class SourceState:
    """What a source said of itself when a chunk of it was cut: by the time of the answer it is read further.

    Attributes:
        problems: What was lost or damaged so far.
        ending: How it ended, if it did.
        title: What a radio station said was playing.
    """

    problems: tuple[str, ...]
    ending: Ending
    title: str


def state_of(source: Any) -> SourceState:
    """Return what a source says of itself now."""
    return SourceState(tuple(source.problems), source.ending, source.title)


class Pipeline:
    """The chunks of a source with what the network says of each, in order.

    Args:
        chunks: Returns an iterator over the chunks; called in the thread that reads.
        session: Whose network looks at them.
        source: What is read.
        pool: Where the network runs; None to do all in the thread that iterates, chunk by chunk.
    """

    def __init__(
        self, chunks: Callable[[], Iterator[MeasuredChunk]], session: Session, source: Any, pool: Executor | None
    ):
        self._chunks, self._session, self._source, self._pool = chunks, session, source, pool
        self._ahead = Ahead(self._submitted)

    def start(self) -> None:
        """Start to read before the first answer is asked for, if there is a pool."""
        if self._pool:
            self._ahead.start()

    def stop(self) -> None:
        """End the thread that reads, after what it reads now."""
        self._ahead.is_stopped = True

    def __iter__(self) -> Iterator[tuple[MeasuredChunk, Inferred, SourceState]]:
        if not self._pool:
            for chunk in self._chunks():
                yield chunk, self._session.infer(chunk), state_of(self._source)
            return
        for chunk, inferred, state in self._ahead.items():
            yield chunk, inferred.result(), state

    def _submitted(self) -> Iterator[tuple[MeasuredChunk, Future[Inferred], SourceState]]:
        assert self._pool
        for chunk in self._chunks():
            yield chunk, self._pool.submit(self._infer, chunk), state_of(self._source)

    def _infer(self, chunk: MeasuredChunk) -> Inferred:
        return self._session.infer(chunk) if not self._ahead.is_stopped else ("silence", chunk.chunk.waveform[:0])
