"""What a picture needs of a stream, in bounded memory: answers that would share a pixel are kept as one column."""

import dataclasses
from collections import Counter

import numpy as np

from genrestream.streaming.predictions import Prediction

MAX_COLUMNS = 2000  # more than the picture has pixels across


@dataclasses.dataclass
class Column:
    """A stretch of the stream that is drawn as one.

    Attributes:
        start_s: Where its first chunk starts, in seconds.
        end_s: Where its last chunk ends.
        level_db: The loudest chunk's loudness, in dB below full scale.
        probs: Running probabilities after its last chunk, float32, shape (n_labels,); zeros before the first vote.
    """

    start_s: float
    end_s: float
    level_db: float
    probs: np.ndarray


class Timeline:
    """The columns of one stream.

    Attributes:
        labels: The model's labels; none before the first chunk.
        columns: The columns, in order; their number stays from half of ``MAX_COLUMNS`` to ``MAX_COLUMNS``.
        n_led: After how many chunks each label led or was named; only labels that ever did.
    """

    def __init__(self):
        self.labels: tuple[str, ...] = ()
        self.columns: list[Column] = []
        self.n_led: Counter[str] = Counter()
        self._width_s = 0.0

    def add(self, prediction: Prediction) -> None:
        """Take a chunk."""
        running = prediction.running
        self.labels = self.labels or tuple(running.probs)
        if running.n_votes:
            self.n_led.update({*running.genres, running.leader})
        probs = np.fromiter(running.probs.values(), np.float32)
        self._append(Column(prediction.start_s, prediction.end_s, prediction.level_db, probs))
        if len(self.columns) > MAX_COLUMNS:
            self._widen()

    def _append(self, column: Column) -> None:
        last = self.columns[-1] if self.columns else None
        if last and self._width_s and column.start_s // self._width_s == last.start_s // self._width_s:
            level_db = max(last.level_db, column.level_db)
            self.columns[-1] = Column(last.start_s, column.end_s, level_db, column.probs)
        else:
            self.columns.append(column)

    def _widen(self) -> None:
        """Make the columns so wide that half as many are left."""
        narrow, self.columns = self.columns, []
        self._width_s = 2 * (narrow[-1].start_s - narrow[0].start_s) / MAX_COLUMNS
        for column in narrow:
            self._append(column)
