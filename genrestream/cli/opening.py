"""The network is waited for; files are opened and read ahead, so that the next is in work while this one is shown."""

import os
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from genrestream.api import Classifier, Stream
from genrestream.cli.options import FileOptions
from genrestream.cli.std_streams import stdin_is_closed
from genrestream.errors import AudioError
from genrestream.output.open_sinks import report
from genrestream.streaming.session import OnWaveform

Opening = Future[Stream] | None  # None of what is opened only when it is its turn

WARM_S = 1.0  # a network out of the cache is there by then


def wait(model: Classifier) -> None:
    """Wait for the network, and say so where that takes a while and somebody watches."""
    if not model.wait(WARM_S) and sys.stderr.isatty():
        report(f"preparing {model.card.name}; the first start compiles it for this machine and takes longest")
    model.wait()


class Openings:
    """The sources of a run, each with its stream, in their order.

    Args:
        options: How they are read.
        model: What classifies them.
        sources: Paths, addresses or ``-``.
        n_jobs: How many files are opened ahead; with 1 none.
        on_waveform: Takes the samples as they are cut; None for nobody.
    """

    def __init__(
        self,
        options: FileOptions,
        model: Classifier,
        sources: Sequence[str],
        n_jobs: int,
        on_waveform: OnWaveform | None = None,
    ):
        self._options, self._model, self._left, self._n_ahead = options, model, deque(sources), n_jobs
        self._on_waveform = on_waveform
        self._pool = ThreadPoolExecutor(n_jobs, "open")
        self._opened: deque[tuple[str, Opening]] = deque()

    def start(self) -> None:
        """Open the first sources."""
        while self._left and self._n_ahead > 1 and len(self._opened) < self._n_ahead:
            self._opened.append(self._opening(self._left.popleft()))

    def __iter__(self) -> Iterator[tuple[str, Opening]]:
        while self._opened or self._left:
            current = self._opened.popleft() if self._opened else (self._left.popleft(), None)
            self.start()
            yield current

    def stream(self, source: str, opening: Opening) -> Stream:
        """Return the stream of a source, opened by now.

        Raises:
            AudioError: It cannot be opened.
        """
        return opening.result() if opening else self._open(source)

    def close(self) -> None:
        """Close what is open and was not asked for."""
        for _, opening in self._opened:
            if opening and not opening.cancel():
                opening.add_done_callback(_close)
        self._pool.shutdown(wait=False)

    def _opening(self, source: str) -> tuple[str, Opening]:
        # A pipe or a server would wait, and a server may not wait for us.
        return source, self._pool.submit(self._begun, source) if os.path.isfile(source) else None

    def _begun(self, source: str) -> Stream:
        stream = self._open(source)
        stream.start()
        return stream

    def _open(self, source: str) -> Stream:
        if source == "-" and stdin_is_closed():
            raise AudioError("-: standard input is closed; pipe music into it, or name a file")
        options = self._options
        stream = self._model.stream(source, options.raw, options.track, jobs=options.jobs, **vars(options.stream))
        stream.session.on_waveform = self._on_waveform
        return stream


def _close(opening: Future[Stream]) -> None:
    if not opening.exception():
        with opening.result():
            pass
