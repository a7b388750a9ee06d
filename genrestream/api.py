"""The Python interface: load a model by name, classify a file, stream one, push samples, or listen."""

import contextlib
import dataclasses
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from genrestream.audio.chunks import MIN_PIECE_S
from genrestream.audio.formats import RawFormat
from genrestream.audio.source import AudioSource, Block
from genrestream.errors import AudioError, GenrestreamError, OptionError, UsageError, first_line
from genrestream.inference import checkpoint, shipped
from genrestream.inference.program import Program, is_in_order
from genrestream.inference.shipped import DEFAULT_MODEL
from genrestream.live.config import ListenConfig
from genrestream.live.live_stream import LiveStream
from genrestream.streaming.config import StreamConfig, check_jobs, default_jobs
from genrestream.streaming.pipeline import Pipeline, state_of
from genrestream.streaming.predictions import Prediction, Segment, Verdict
from genrestream.streaming.samples import ArraySource
from genrestream.streaming.segments import Segmenter
from genrestream.streaming.session import Session
from genrestream.streaming.turn import OneThread

Source = str | Path | BinaryIO | np.ndarray | Sequence[float]


class Classifier:
    """A loaded model, for any number of streams at once; ``genrestream.load`` makes one.

    The keyword options of its methods are the fields of ``StreamConfig``: ``hop_s``, ``vote``, ``min_probability``, ….
    A source is a path, an ``http(s)://`` address, ``-`` for standard input, a binary file object, or an array of
    samples, shape (n_samples,) or (n_samples, n_channels), with its ``sample_rate`` in Hz.

    Attributes:
        card: What is known of the model: labels, front end, metrics, provenance.
    """

    def __init__(self, model: checkpoint.Checkpoint, wait: bool = True):
        self.card = model.card
        self._loaded: Future[Program] = Future()
        if wait:
            self._loaded.set_result(Program(model))
        else:
            threading.Thread(target=self._load, args=(model,), name="load", daemon=True).start()
        self._pools: dict[int, ThreadPoolExecutor] = {}

    @property
    def program(self) -> Program:
        """The compiled network; waits for it where it is still being loaded."""
        return self._loaded.result()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the network is there, no longer than so many seconds; return whether it is.

        Raises:
            CheckpointError: The weights do not fit the network, or their values overflow.
            UsageError: JAX cannot compute here.
        """
        try:
            self._loaded.result(timeout_s)
        except TimeoutError:
            return False
        return True

    def _load(self, model: checkpoint.Checkpoint) -> None:
        try:
            self._loaded.set_result(Program(model))
        except BaseException as error:
            self._loaded.set_exception(error)

    def __repr__(self) -> str:
        card = self.card
        kind = "tags" if card.multi_label else "genres"
        return f"<Classifier {card.name}: {len(card.labels)} {kind}, {card.frontend.sample_rate} Hz>"

    def session(self, source: str = "stream", **options: Any) -> Session:
        """Return a session to push samples into.

        Args:
            source: A name for the stream, for its verdict.
            **options: Fields of ``StreamConfig``.

        Raises:
            UsageError: There is no such option, or it has a value that it cannot have.
        """
        _check_options(options, _fields(StreamConfig))
        config = StreamConfig(**options)
        hop = round(config.hop_s * self.card.frontend.sample_rate)
        following = self.program.in_order(hop) if is_in_order(self.card, hop) else None
        return Session(self.card, lambda chunks: self.program(chunks), config, source, following)

    def stream(
        self,
        source: Source,
        raw: RawFormat | None = None,
        track: int | None = None,
        sample_rate: int | None = None,
        jobs: int | None = None,
        **options: Any,
    ) -> "Stream":
        """Return an iterator over the predictions of a source.

        Args:
            source: A path, address, file object or array.
            raw: The format of bare samples without a container.
            track: Which audio track of a file, from 1; its default one where not given.
            sample_rate: Of an array, in Hz.
            jobs: How many chunks are in work at once, with the reading in a thread of its own; as many as there are
                cores where not given. With 1 all is done in the thread that iterates.
            **options: Fields of ``StreamConfig``.

        Raises:
            AudioError: It cannot be opened, or (while iterating) decoded or used.
            UsageError: There is no such option, or it has a value that it cannot have.
        """
        session = self.session(**options)
        pool = self._pool(default_jobs() if jobs is None else jobs, session.in_order)
        return Stream(_opened(source, raw, track, sample_rate), session, pool)

    def classify(
        self,
        source: Source,
        raw: RawFormat | None = None,
        track: int | None = None,
        sample_rate: int | None = None,
        jobs: int | None = None,
        **options: Any,
    ) -> Verdict:
        """Return the verdict on a whole source; the arguments are those of ``stream``.

        Raises:
            AudioError: It cannot be opened, decoded or used.
            UsageError: There is no such option, or it has a value that it cannot have.
        """
        with self.stream(source, raw, track, sample_rate, jobs, **options) as stream:
            for _ in stream:
                pass
            return stream.verdict()

    def segments(
        self,
        source: Source,
        raw: RawFormat | None = None,
        track: int | None = None,
        sample_rate: int | None = None,
        jobs: int | None = None,
        **options: Any,
    ) -> Iterator[Segment]:
        """Return an iterator over the stretches of one genre in a mix; the arguments are those of ``stream``.

        Raises:
            AudioError: It cannot be opened, or (while iterating) decoded or used.
            UsageError: There is no such option, or it has a value that it cannot have.
        """
        return _segments(self.stream(source, raw, track, sample_rate, jobs, **options), Segmenter(self.card.paths))

    def _pool(self, jobs: int, in_order: bool) -> Executor | None:
        """Return the threads in which the network runs: those that all streams share, or one for chunks in order."""
        check_jobs(jobs)
        if jobs == 1:
            return None
        if in_order:
            return ThreadPoolExecutor(1, "infer")
        return self._pools.setdefault(jobs, ThreadPoolExecutor(jobs, "infer"))

    def listen(self, device: str | int | None = None, source: str | Path | None = None, **options: Any) -> LiveStream:
        """Return an iterator over the predictions and events of a live run.

        Args:
            device: Number or part of the name of the input; the default one where None.
            source: A path, address or ``-`` to play in real time instead of listening to a device.
            **options: ``speed``, ``loop``, ``duration_s``, ``raw`` and ``track`` of ``ListenConfig``; fields of
                ``StreamConfig``, where ``hop_s`` is 1 by default.

        Raises:
            AudioError: There is no such file or device, or it cannot be opened.
            UsageError: There is no such option, or it has a value that it cannot have.
        """
        cut, played = _fields(StreamConfig), ["speed", "loop", "duration_s", "raw", "track"]
        _check_options(options, cut + played)
        _check_raw(options.get("raw"))
        chosen: dict[str, Any] = {"hop_s": 1.0} | {name: value for name, value in options.items() if name in cut}
        config = ListenConfig(
            device=() if device is None else (str(device),),
            source=None if source is None else str(source),
            stream=StreamConfig(**chosen),
            **{name: value for name, value in options.items() if name in played},
        )
        config.check_source()
        return LiveStream(config, self.session(**vars(config.stream)))


class Stream:
    """The predictions of one source, as they become ready; closes the source at its end.

    Attributes:
        source: What is being read.
        session: What it is pushed into.
    """

    def __init__(self, source: AudioSource | ArraySource, session: Session, pool: Executor | None = None):
        self.source, self.session = source, session
        session.source = source.name
        self._turn = OneThread("this stream")
        self._pipeline = Pipeline(lambda: _named_blocks(source), session, source, pool)
        self._state = state_of(source)
        self._predictions = self._run()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self._pipeline.stop()
        self.source.close()

    def __iter__(self) -> Iterator[Prediction]:
        return self

    def __next__(self) -> Prediction:
        with self._turn:
            return next(self._predictions)

    @property
    def position_s(self) -> float:
        """Seconds of the source that were processed so far."""
        return self.session.position_s

    def start(self) -> None:
        """Begin to read and classify before the first prediction is asked for."""
        self._pipeline.start()

    def verdict(self) -> Verdict:
        """Return what is known so far; at the end of the iteration, of the whole."""
        return self.session.verdict(self._state.problems, self._state.ending)

    def _run(self) -> Iterator[Prediction]:
        try:
            with self.source:
                for chunk, inferred, state in self._pipeline:
                    self._state, prediction = state, self.session.decide(chunk, inferred)
                    yield dataclasses.replace(prediction, title=state.title) if state.title else prediction
        except BaseException:  # Ctrl-C, or nobody asks for more
            self._state = self._state.stopped(self.position_s)
            raise
        self.session.settle()
        self._state = state_of(self.source)
        verdict = self.verdict()
        if verdict.n_chunks == 0:
            raise AudioError(
                f"{verdict.source}: {verdict.duration_s:.2g} s of audio, at least {MIN_PIECE_S:g} s is needed"
            )


def _named_blocks(source: AudioSource | ArraySource) -> Iterator[Block]:
    with _reader_errors(source.name):
        yield from source


def load(name: str | Path = DEFAULT_MODEL, wait: bool = True) -> Classifier:
    """Load a model.

    Args:
        name: A shipped model's name (``genrestream models`` lists them) or the path of a model's folder.
        wait: Return when the network is there. Otherwise it is loaded, or at the first start compiled, while streams
            are opened and read; ``Classifier.wait`` waits for it.

    Raises:
        UsageError: Nothing has that name.
        CheckpointError: The folder is missing, foreign, damaged or from a newer version.
    """
    if not isinstance(name, str | os.PathLike):
        raise OptionError("name", name, "must be a model's name or the path of a model's folder")
    return Classifier(checkpoint.read(shipped.find(name)), wait)


def segments(source: Source, model: str | Path = DEFAULT_MODEL, **options: Any) -> Iterator[Segment]:
    """Return an iterator over the stretches of one genre in a mix: ``load(model).segments(source, **options)``."""
    return load(model).segments(source, **options)


def listen(
    device: str | int | None = None,
    source: str | Path | None = None,
    model: str | Path = DEFAULT_MODEL,
    **options: Any,
) -> LiveStream:
    """Return an iterator over a live run: ``load(model).listen(device, source, **options)``.

    >>> with genrestream.listen() as live:
    ...     for update in live:
    ...         print(update.to_dict())
    """
    return load(model).listen(device, source, **options)


def _segments(stream: Stream, segmenter: Segmenter) -> Iterator[Segment]:
    with stream:
        for prediction in stream:
            yield from segmenter.push(prediction)
    yield from segmenter.flush()


def _opened(source: Any, raw: RawFormat | None, track: int | None, sample_rate: Any) -> AudioSource | ArraySource:
    _check_raw(raw)
    source = Path(source) if isinstance(source, os.PathLike) else source
    is_file = isinstance(source, str | Path) or hasattr(source, "read")
    if is_file and sample_rate is not None:
        raise OptionError("sample_rate", sample_rate, "is for an array; a file has its own, bare samples have raw=")
    if is_file:
        name = str(source) if isinstance(source, str | Path) else getattr(source, "name", "stream")
        with _reader_errors(name):
            return AudioSource(source, raw, track)
    if not (hasattr(source, "__array__") or isinstance(source, list | tuple)):
        raise UsageError(f"source of type {type(source).__name__} must be a path, an address, a file or an array")
    if sample_rate is None:
        raise OptionError("sample_rate", None, "must be given with an array, in Hz")
    return ArraySource(source, sample_rate)


def _check_raw(raw: object) -> None:
    if raw is not None and not isinstance(raw, RawFormat):
        raise OptionError("raw", raw, "must be a RawFormat")


@contextlib.contextmanager
def _reader_errors(name: str) -> Iterator[None]:
    """Turn what a file object's own ``read`` or ``seek`` raises into one line that names it."""
    try:
        yield
    except GenrestreamError:
        raise
    except Exception as error:
        raise AudioError(f"{name}: reading failed ({type(error).__name__}: {first_line(error)})") from error


def _fields(config: type) -> list[str]:
    return [field.name for field in dataclasses.fields(config)]


def _check_options(options: dict[str, Any], legal: list[str]) -> None:
    if odd := sorted(options.keys() - set(legal)):
        raise UsageError(f"{odd[0]}: no such option; choose from {', '.join(legal)}")
