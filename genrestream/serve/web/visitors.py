"""What visitors bring, their microphones and files: how many are heard at once, and how a file becomes records."""

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator

from genrestream.api import Stream
from genrestream.audio.formats import RawFormat
from genrestream.errors import GenrestreamError, first_line
from genrestream.output.records.json_files import chunk_record, error_record, verdict_record
from genrestream.serve.hearing import Counts, Message
from genrestream.serve.turns import SharedModel
from genrestream.serve.upload import Upload
from genrestream.streaming.session import StreamConfig

UPLOAD_S = 900.0  # in which a file must have been heard


class FullError(GenrestreamError):
    """All places for visitors are taken."""


@dataclasses.dataclass
class Places:
    """How many visitors are heard at once.

    Attributes:
        limit: At most so many.
        n_taken: So many are heard now.
        n_refused: So many were refused so far.
    """

    limit: int
    n_taken: int = 0
    n_refused: int = 0

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Have a place until the block ends; for the thread of the server's loop only.

        Raises:
            FullError: All are taken.
        """
        if self.n_taken >= self.limit:
            self.n_refused += 1
            raise FullError(f"all {self.limit} places for microphones and files are taken; try again later")
        self.n_taken += 1
        try:
            yield
        finally:
            self.n_taken -= 1


@dataclasses.dataclass(frozen=True)
class Visits:
    """What all visitors share.

    Attributes:
        model: The model.
        counts: What is counted of visitors.
        places: How many are heard at once.
        max_bytes: Size of a file, at most.
        max_s: Length of a microphone's session, at most, in seconds.
    """

    model: SharedModel
    counts: Counts
    places: Places
    max_bytes: int
    max_s: float


def hear_file(model: SharedModel, upload: Upload, counts: Counts, put: Callable[[Message], None]) -> None:
    """Listen to a file while it comes, and put a record for each chunk, then the verdict or the error.

    For a thread of its own.
    """
    timer = threading.Timer(UPLOAD_S, upload.end, [f"took longer than {UPLOAD_S / 60:g} minutes"])
    timer.daemon = True
    timer.start()
    try:
        with Stream(upload.opened(RawFormat()), model.session(StreamConfig(), upload.name)) as stream:
            for prediction in stream:
                counts.chunks[prediction.kind, prediction.running.genre] += 1
                put(chunk_record(upload.name, prediction))
            if upload.problem:
                put(error_record(upload.name, f"{upload.name}: {upload.problem}"))
            else:
                put(verdict_record(stream.verdict()))
    except GenrestreamError as error:
        counts.n_failures += 1
        put(error_record(upload.name, f"{upload.name}: {upload.problem}" if upload.problem else str(error)))
    except Exception as bug:
        counts.n_failures += 1
        put(error_record(upload.name, f"{upload.name}: a fault of genrestream ({type(bug).__name__}: {first_line(bug)})"))
    finally:
        timer.cancel()
        upload.close()
