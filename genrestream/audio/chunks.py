"""Chunks: the fixed lengths of waveform that a model sees, cut alike from files and live input."""

import dataclasses

import numpy as np

from genrestream.errors import UsageError

MIN_PIECE_S = 1.0  # a shorter last piece is dropped


@dataclasses.dataclass(frozen=True, eq=False)
class Chunk:
    """One chunk of waveform.

    Attributes:
        start: Its first sample's place in the stream.
        n_received: Samples of the stream that it holds; the rest of it repeats them.
        waveform: float32, shape (n_samples,).
    """

    start: int
    n_received: int
    waveform: np.ndarray


class Chunker:
    """Cuts a stream into chunks; however it arrives, the chunks are the same.

    Args:
        n_samples: Length of a chunk.
        hop: Samples from one chunk's start to the next one's.
        sample_rate: Samples a second.
        grid: Chunks start at the multiple of this many samples next to where they would.

    Attributes:
        start: Where the next chunk starts in the stream, in samples.
    """

    def __init__(self, n_samples: int, hop: int, sample_rate: int, grid: int = 1):
        if hop < 1:
            raise UsageError(f"hop={hop} samples must be at least 1")
        self.n_samples, self.hop, self.sample_rate, self._grid = n_samples, hop, sample_rate, grid
        self._held = np.empty(n_samples, np.float32)
        self._n_held = 0
        self._n_repeated = 0  # of those held, how many an earlier chunk had already
        self._n_skipped = 0  # still to skip, where the hop is longer than a chunk
        self._ahead = 0  # by how many samples the next chunk starts too late for its hop
        self.start = 0  # of what is held

    @property
    def position(self) -> int:
        """How many samples of the stream came so far, those lost in gaps included."""
        return self.start + self._n_held - self._n_skipped

    def push(self, waveform: np.ndarray) -> list[Chunk]:
        """Take mono samples and return the chunks that became whole."""
        chunks = []
        while len(waveform):
            skipped = min(self._n_skipped, len(waveform))
            self._n_skipped -= skipped
            taken = waveform[skipped : skipped + self.n_samples - self._n_held]
            self._held[self._n_held : self._n_held + len(taken)] = taken
            self._n_held += len(taken)
            waveform = waveform[skipped + len(taken) :]
            if self._n_held == self.n_samples:
                chunks.append(Chunk(self.start, self.n_samples, self._held.copy()))
                self._advance()
        return chunks

    def _advance(self) -> None:
        hop = self._grid * max(1, round((self.hop - self._ahead) / self._grid))
        self._ahead += hop - self.hop
        kept = max(0, self.n_samples - hop)
        self._held[:kept] = self._held[self.n_samples - kept :].copy()
        self._n_held = self._n_repeated = kept
        self._n_skipped = max(0, hop - self.n_samples)
        self.start += hop

    def skip(self, n_lost: int) -> None:
        """Begin a new chunk after a gap: what is held and what comes next do not belong together."""
        self.start = self.position + n_lost
        self._n_held = self._n_repeated = self._n_skipped = 0

    def flush(self) -> tuple[list[Chunk], float]:
        """End the stream.

        Returns:
            The last piece, where at least ``MIN_PIECE_S`` of it were in no chunk yet, repeated to a whole chunk; and
            how many seconds at the end were dropped instead.
        """
        unused_s = (self._n_held - self._n_repeated) / self.sample_rate
        if unused_s < MIN_PIECE_S:
            return [], unused_s
        return [Chunk(self.start, self._n_held, np.resize(self._held[: self._n_held], self.n_samples))], 0.0
