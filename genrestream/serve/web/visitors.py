"""What visitors bring, their microphones and files: how many are classified at once, and how a file becomes records."""

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator

from genrestream.api import Stream
from genrestream.audio.formats import RawFormat
from genrestream.errors import AudioError, GenrestreamError, first_line
from genrestream.output.records.json_files import chunk_record, error_record, verdict_record
from genrestream.serve.turns import SharedModel
from genrestream.serve.upload import Upload
from genrestream.serve.view import Counts, Message
from genrestream.serve.web.outbox import Outbox
from genrestream.streaming.config import StreamConfig

STALLED_S = 30.0  # in which a visitor must take what is sent to him
UPLOAD_S = 900.0  # in which a file must have been classified


class FullError(GenrestreamError):
    """All places for visitors are taken."""


@dataclasses.dataclass
class Places:
    """How many visitors are classified at once.

    Attributes:
        limit: At most so many.
        n_taken: So many are classified now.
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
            if not self.limit:
                raise FullError("this server takes no microphones and files; see --max-sessions")
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
        places: How many are classified at once.
        max_bytes: Size of a file, at most.
        max_s: Length of a microphone's session, at most, in seconds.
    """

    model: SharedModel
    counts: Counts
    places: Places
    max_bytes: int
    max_s: float


def begun(name: str, outbox: Outbox, counts: Counts, work: Callable[[], None]) -> threading.Thread:
    """Return a thread that serves a visitor; an error is its last record.

    Args:
        name: What the visitor calls the source.
        outbox: Where records go.
        counts: What is counted of visitors.
        work: Puts records until the source ends.
    """

    def run() -> None:
        try:
            work()
        except GenrestreamError as error:
            counts.n_failures += 1
            outbox.put(error_record(name, str(error)))
        except Exception as bug:  # the visitor sees it, and the others go on
            counts.n_failures += 1
            outbox.put(error_record(name, f"{name}: a fault of genrestream ({type(bug).__name__}: {first_line(bug)})"))
        finally:
            outbox.end()

    thread = threading.Thread(target=run, name="visitor", daemon=True)
    thread.start()
    return thread


def classify_file(visits: Visits, upload: Upload, put: Callable[[Message], None]) -> None:
    """Listen to a file while it comes, and put a record for each chunk, then the verdict.

    Raises:
        AudioError: It is no audio, or broke off.
    """
    timer = threading.Timer(UPLOAD_S, upload.end, [f"took longer than {UPLOAD_S / 60:g} minutes"])
    timer.daemon = True
    timer.start()
    try:
        with Stream(upload.opened(RawFormat()), visits.model.session(StreamConfig(), upload.name)) as stream:
            for prediction in stream:
                visits.counts.take(prediction)
                put(chunk_record(upload.name, prediction))
            verdict = stream.verdict()
        if not upload.problem:
            put(verdict_record(verdict))
    except GenrestreamError:
        if not upload.problem:
            raise
    finally:
        timer.cancel()
        upload.close()
    if upload.problem:
        raise AudioError(f"{upload.name}: {upload.problem}")
