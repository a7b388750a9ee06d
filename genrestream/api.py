"""The Python interface: load a model by name, classify a file, stream one, or push samples."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from genrestream.audio.chunks import MIN_PIECE_S
from genrestream.audio.formats import RawFormat
from genrestream.audio.source import AudioSource
from genrestream.errors import AudioError
from genrestream.inference import checkpoint, shipped
from genrestream.inference.shipped import DEFAULT_MODEL
from genrestream.streaming.predictions import Prediction, Verdict
from genrestream.streaming.session import Session, StreamConfig


class Classifier:
    """A loaded model, for any number of streams at once; ``genrestream.load`` makes one.

    Attributes:
        card: What is known of the model: labels, front end, metrics, provenance.
    """

    def __init__(self, model: checkpoint.Checkpoint):
        from genrestream.inference.program import logits_program  # jax: listing models or devices does not need it

        self.card = model.card
        self._logits_of = logits_program(model)

    def session(self, source: str = "stream", **options: Any) -> Session:
        """Return a session to push samples into.

        Args:
            source: A name for the stream, for its verdict.
            **options: Fields of ``StreamConfig``.

        Raises:
            UsageError: An option has a value that it cannot have.
        """
        return Session(self.card, self._logits_of, StreamConfig(**options), source)

    def stream(
        self, source: str | Path | BinaryIO, raw: RawFormat | None = None, track: int | None = None, **options: Any
    ) -> "Stream":
        """Return an iterator over the predictions of a file, an ``http(s)://`` stream, or standard input (``-``).

        Raises:
            AudioError: It cannot be opened, or (while iterating) decoded or used.
            UsageError: An option has a value that it cannot have.
        """
        session = self.session(**options)
        return Stream(AudioSource(source, raw, track), session)

    def classify(
        self, source: str | Path | BinaryIO, raw: RawFormat | None = None, track: int | None = None, **options: Any
    ) -> Verdict:
        """Return the verdict on a whole file.

        Raises:
            AudioError: It cannot be opened, decoded or used.
            UsageError: An option has a value that it cannot have.
        """
        with self.stream(source, raw, track, **options) as stream:
            for _ in stream:
                pass
            return stream.verdict()


class Stream:
    """The predictions of one source, as they become ready; closes the source at its end.

    Attributes:
        source: What is being read.
    """

    def __init__(self, source: AudioSource, session: Session):
        self.source, self._session = source, session
        session.source = source.name
        self._predictions = self._run()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self.source.close()

    def __iter__(self) -> Iterator[Prediction]:
        return self

    def __next__(self) -> Prediction:
        return next(self._predictions)

    def verdict(self) -> Verdict:
        """Return what is known so far; at the end of the iteration, of the whole."""
        return self._session.verdict(tuple(self.source.problems))

    def _run(self) -> Iterator[Prediction]:
        with self.source:
            for block, sample_rate in self.source:
                yield from self._push(block, sample_rate)
            yield from self._session.flush()
        verdict = self.verdict()
        if verdict.n_chunks == 0:
            raise AudioError(
                f"{verdict.source}: {verdict.duration_s:.2g} s of audio, at least {MIN_PIECE_S:g} s is needed"
            )

    def _push(self, block: np.ndarray, sample_rate: int) -> list[Prediction]:
        try:
            return self._session.push_block(block, sample_rate)
        except AudioError as error:  # samples have no name, their source has
            raise AudioError(f"{self.source.name}: {error}") from error


def load(name: str | Path = DEFAULT_MODEL) -> Classifier:
    """Load a model.

    Args:
        name: A shipped model's name (``genrestream models`` lists them) or the path of a model's folder.

    Raises:
        UsageError: Nothing has that name.
        CheckpointError: The folder is missing, foreign, damaged or from a newer version.
    """
    return Classifier(checkpoint.read(shipped.find(name)))
