"""The genres of one file at a time, by a model in this process, with the answers of a scan."""

import os

from genrestream.errors import check_number
from genrestream.inference import checkpoint, shipped
from genrestream.inference.program import Program
from genrestream.library.config import check_per_track
from genrestream.library.table.track import ANSWER, Found
from genrestream.library.tags.spelling import spelled
from genrestream.library.work.excerpt import Excerpt
from genrestream.library.work.identity import identify
from genrestream.streaming.config import StreamConfig
from genrestream.streaming.session import Session


class Namer:
    """A loaded model that names genres.

    Args:
        model: Name or folder.
        per_track: Seconds to classify of each file, from the middle; 0 for all.

    Raises:
        UsageError: There is no such model, or ``per_track`` is out of its range.
        CheckpointError: It cannot be loaded.
    """

    def __init__(self, model: str, per_track: float = 30.0):
        check_per_track(per_track)
        self._per_track, checked = per_track, checkpoint.read(shipped.find(model))
        self._program = Program(checked)

    def genres(self, path: str | os.PathLike[str], min_probability: float) -> list[str]:
        """Return a file's genres as tags spell them; an empty list if none is probable enough.

        Raises:
            AudioError: It cannot be classified.
            OptionError: ``min_probability`` is not from 0 to 1.
        """
        check_number("min_probability", min_probability, 0, 1, "from 0 to 1")
        name = os.fspath(path)
        session = Session.of(self._program, StreamConfig())
        excerpt = Excerpt(Found(name, 0, 0), identify(name)[1], self._per_track, session)
        for classified in excerpt:
            session.decide(classified, session.infer(classified))
        row = excerpt.row()
        if row["state"] not in ANSWER:
            return []
        return spelled([genre for genre in row["genres"] if row["probs"].get(genre, 0.0) >= min_probability])
