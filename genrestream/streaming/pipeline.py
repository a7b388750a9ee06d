"""A source through a session's stages, several chunks at a time, with the answers and the order of one by one.

::

    decode (a thread) -> chunks (a thread) -> infer (a pool of threads) -> decide (the thread that iterates, in order)

Between two stages a few items wait at most. XLA, NumPy and FFmpeg release the interpreter while they work, so threads
use all cores.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import Any

import numpy as np

from genrestream.audio.reading.ahead import Ahead
from genrestream.audio.reading.ending import Ending, EndKind
from genrestream.audio.source import Block
from genrestream.errors import AudioError
from genrestream.streaming.session import Inferred, MeasuredChunk, Session

JOINED_S = 0.5  # short blocks of a file are processed together: each step costs the same for ten samples as for more


@dataclasses.dataclass(frozen=True, eq=False)
class SourceState:
    """What a source said of itself when a chunk was read: by the time of the answer it is read further.

    Attributes:
        problems: What was lost or damaged so far.
        ending: How it ended, if it did.
        title: What a radio station said was playing.
    """

    problems: tuple[str, ...]
    ending: Ending
    title: str

    def stopped(self, at_s: float) -> "SourceState":
        """Return this where nobody read on after so many seconds."""
        if self.ending.kind is not EndKind.OPEN:
            return self
        return dataclasses.replace(self, ending=dataclasses.replace(self.ending, kind=EndKind.STOPPED, at_s=at_s))


def state_of(source: Any) -> SourceState:
    """Return what a source says of itself now."""
    return SourceState(tuple(source.problems), source.ending, source.title)


class Pipeline:
    """The chunks of a source with what the network says of each, in order.

    Args:
        blocks: Returns an iterator over the source's blocks; called in the thread that reads.
        session: What makes chunks of them, and whose network looks at these.
        source: What is read.
        pool: Where the network runs; None to do all in the thread that iterates, chunk by chunk.
    """

    def __init__(self, blocks: Callable[[], Iterator[Block]], session: Session, source: Any, pool: Executor | None):
        self._blocks, self._session, self._source, self._pool = blocks, session, source, pool
        self._read, self._ahead = Ahead(self._decoded), Ahead(self._submitted)

    def start(self) -> None:
        """Start to read before the first answer is asked for, if there is a pool."""
        if self._pool:
            self._ahead.start()

    def stop(self) -> None:
        """End the threads, after what they do now."""
        error = AudioError(f"{self._source.name}: was closed; open it again to read on")
        self._read.stop(error)
        self._ahead.stop(error)

    def __iter__(self) -> Iterator[tuple[MeasuredChunk, Inferred, SourceState]]:
        if not self._pool:
            for chunk, state in self._chunks(self._decoded()):
                yield chunk, self._session.infer(chunk), state
            return
        for chunk, inferred, state in self._ahead.items():
            yield chunk, inferred.result(), state

    def _decoded(self) -> Iterator[tuple[Block, SourceState]]:
        blocks = self._blocks()
        for block in joined(blocks) if self._source.is_local else blocks:
            yield block, state_of(self._source)

    def _chunks(self, blocks: Iterable[tuple[Block, SourceState]]) -> Iterator[tuple[MeasuredChunk, SourceState]]:
        for block, state in blocks:
            with named(self._source.name):
                chunks = self._session.chunks(*block)
            for chunk in chunks:
                yield chunk, state
        for chunk in self._session.last_chunks():
            yield chunk, state_of(self._source)

    def _submitted(self) -> Iterator[tuple[MeasuredChunk, Future[Inferred], SourceState]]:
        assert self._pool
        for chunk, state in self._chunks(self._read.items()):
            yield chunk, self._pool.submit(self._infer, chunk), state

    def _infer(self, chunk: MeasuredChunk) -> Inferred:
        return self._session.infer(chunk) if not self._ahead.is_stopped else ("silence", chunk.chunk.waveform[:0])


@contextlib.contextmanager
def named(source: str) -> Iterator[None]:
    """Put the source's name before an error of its samples, which have no name."""
    try:
        yield
    except AudioError as error:
        raise AudioError(f"{source}: {error}") from error


def joined(blocks: Iterable[Block], seconds: float = JOINED_S) -> Iterator[Block]:
    """Yield blocks, short ones of one format together; if reading fails, what came before is still yielded.

    Args:
        blocks: Blocks of any length.
        seconds: The least length of a yielded block, except before a change of format and at the end.
    """
    waiting: list[np.ndarray] = []
    n_waiting, rate, failure = 0, 0, None
    try:
        for block, its_rate in blocks:
            if waiting and (its_rate != rate or len(block) != len(waiting[0])):
                yield np.concatenate(waiting, axis=1), rate
                waiting, n_waiting = [], 0
            waiting.append(block)
            n_waiting, rate = n_waiting + block.shape[1], its_rate
            if n_waiting >= seconds * rate:
                yield np.concatenate(waiting, axis=1), rate
                waiting, n_waiting = [], 0
    except Exception as error:
        failure = error
    if waiting:
        yield np.concatenate(waiting, axis=1), rate
    if failure:
        raise failure
