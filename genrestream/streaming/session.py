"""A session: raw samples in, predictions out, the same for files, pipes and microphones."""

import dataclasses
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from genrestream.audio.chunks import Chunk, Chunker
from genrestream.audio.conditioning import Conditioner, Leveller
from genrestream.audio.level import Level
from genrestream.audio.reading.ending import Ending
from genrestream.audio.resample import Resampler
from genrestream.audio.silence import is_silent, loudness_db
from genrestream.errors import UsageError, check_number
from genrestream.inference.carried import SHORT_GAP_S, InOrder
from genrestream.inference.checkpoint import Card
from genrestream.inference.program import Program
from genrestream.inference.tree import Tree
from genrestream.streaming.config import StreamConfig, check_hop
from genrestream.streaming.history import History
from genrestream.streaming.predictions import Decision, Prediction, State, Verdict
from genrestream.streaming.samples import block_of
from genrestream.streaming.turn import OneThread
from genrestream.voting.follow import Follow
from genrestream.voting.probabilities import label_probabilities
from genrestream.voting.steps import Kind
from genrestream.voting.vote import Rule, Vote

Inferred = tuple[Kind, np.ndarray]  # what a chunk is, and the logits of its labels where it is music
OnWaveform = Callable[[float, np.ndarray, int], None]
LONGEST_GAP_S = 1e9
HOLD_DB = 1.0  # at short hops the gain stays while it is right to this


@dataclasses.dataclass(frozen=True, eq=False)
class MeasuredChunk:
    """A chunk on its way to its answer.

    Attributes:
        chunk: Its samples and place.
        position: Samples of the stream that had arrived when it was whole.
        level_db: Its loudness.
        gain: The factor that brings it to the model's loudness.
        is_silent: Whether it is silence, which no network sees.
        notes: What a listener should know of the input by then.
    """

    chunk: Chunk
    position: int
    level_db: float
    gain: float
    is_silent: bool
    notes: tuple[str, ...]


class Session:
    """One stream on its way through a model.

    ``push`` does all at once. It has three stages, for a caller that works on several chunks at a time: ``chunks`` (in
    the order of the stream), ``infer`` (the network; in any thread, and in any order unless ``in_order``), ``decide``
    (in the order of the stream). At the end ``last_chunks`` and, after the last decision, ``settle``.

    Args:
        card: The model's card.
        logits_of: The model: a chunk, shape (1, n_samples), to the logits of the labels and then of the card's states,
            shape (1, card.n_outputs).
        config: How to cut, vote and decide.
        source: The stream's name, for the verdict.
        following: The model for chunks in order, where it goes on from one to the next: it uses earlier work for chunks
            that overlap, or is stateful.

    Attributes:
        in_order: Whether ``infer`` must take the chunks in order.
        on_waveform: Called with each piece of the stream as chunks are cut from it: where it begins, in seconds; its
            samples, shape (n_samples,); and their rate in Hz. None for nobody.
    """

    def __init__(
        self,
        card: Card,
        logits_of: Callable[[np.ndarray], np.ndarray],
        config: StreamConfig,
        source: str = "stream",
        following: InOrder | None = None,
    ):
        frontend = card.frontend
        self.config, self.card, self.source = config, card, source
        least = card.min_probability if config.min_probability is None else config.min_probability
        of_label = card.thresholds if config.min_probability is None else {}
        self._thresholds = np.array([of_label.get(label, least) for label in card.labels])
        if card.outside:
            self._thresholds[-1] = np.inf  # other music is never named
        self._tree, self._labels = Tree(card.tree, card.labels), card.paths
        if card.is_stateful and not following:
            raise UsageError(
                f"{card.name}: a stateful model takes a stream's chunks in order, which is not possible here"
            )
        self._logits_of, self._following = logits_of, following
        self._conditioner, self._resampler = Conditioner(config.channel), Resampler(frontend.sample_rate)
        self.level = Level(config.silence_db)
        hop = round(config.hop_s * frontend.sample_rate)
        self.in_order = following is not None
        # Earlier work is of use only for the same frames at the same gain.
        grid, hold_db = (following.grid, HOLD_DB) if following else (1, 0.0)
        self._leveller = Leveller(frontend.level, frontend.sample_rate, hold_db) if frontend.level else None
        self._chunker = Chunker(frontend.n_samples, hop, frontend.sample_rate, grid)
        whole: Rule = "mean" if config.vote == "follow" else config.vote
        self._whole = Vote(len(card.labels), whole, config.half_life_s, card.sharpness)
        follow = Follow(len(card.labels), is_exclusive=not card.multi_label)
        self._vote = follow if config.vote == "follow" else self._whole
        self._history = History(card.paths)
        self._n_cut = self._n_samples = self._n_chunks = 0
        self._n_of: Counter[str] = Counter()
        self._unused_s = self._dropped_s = self._padded_s = 0.0
        self._notes: tuple[str, ...] = ()
        self._turn, self._is_over = OneThread("this session"), False
        self.on_waveform: OnWaveform | None = None

    @classmethod
    def of(cls, program: Program, config: StreamConfig, source: str = "stream") -> "Session":
        """Return a session of a stream through a loaded model; the arguments are those of the class."""
        card = program.checkpoint.card
        following = program.in_order(round(config.hop_s * card.frontend.sample_rate))
        return cls(card, program, config, source, following)

    def push(self, samples: Any, sample_rate: int) -> list[Prediction]:
        """Take samples and return the predictions that became ready, often none.

        Args:
            samples: Shape (n_samples,) or (n_samples, n_channels), any number of them; floats from -1 to 1, or
                integers of their type's full range.
            sample_rate: Their rate in Hz; it may change from call to call.

        Raises:
            UsageError: The samples have another shape or type, the rate is impossible, the session was flushed, or
                another thread uses it.
            AudioError: A sample is NaN or infinite.
        """
        return self.push_block(*block_of(samples, sample_rate))

    def push_block(self, block: np.ndarray, sample_rate: int) -> list[Prediction]:
        """Take a decoded block, float32, shape (n_channels, n_samples), and return what became ready."""
        with self._turn:
            return self._answered(self.chunks(block, sample_rate))

    def skip(self, lost_s: float) -> list[Prediction]:
        """Begin a new chunk after a gap of so many seconds; return what was ready before it."""
        check_number("lost_s", lost_s, 0, LONGEST_GAP_S, "from 0 seconds, and finite")
        with self._turn:
            self._check_open("skip")
            predictions = self._answered(self._drain())
            if lost_s > SHORT_GAP_S:
                self._history.skip(self._chunker.position / self.card.frontend.sample_rate, lost_s)
                self._vote.interrupt()
            self._chunker.skip(round(lost_s * self.card.frontend.sample_rate))
            if self._leveller:
                self._leveller.reset(self._chunker.start)
            return predictions

    @property
    def hop_s(self) -> float:
        """Seconds from one chunk's start to the next one's; may be changed on the way."""
        return self._chunker.hop / self.card.frontend.sample_rate

    @hop_s.setter
    def hop_s(self, hop_s: float) -> None:
        check_hop(hop_s)
        self._chunker.hop = round(hop_s * self.card.frontend.sample_rate)

    def flush(self) -> list[Prediction]:
        """End the stream and return the predictions of what was left; after it nothing can be pushed."""
        with self._turn:
            if self._is_over:
                return []
            return self._answered(self.last_chunks())

    def chunks(self, block: np.ndarray, sample_rate: int) -> list[MeasuredChunk]:
        """Take a decoded block, as ``push_block`` does, and return the chunks that became whole."""
        self._check_open("push")
        return [one for mono, rate in self._conditioner.push(block, sample_rate) for one in self._take(mono, rate)]

    def last_chunks(self) -> list[MeasuredChunk]:
        """End the stream and return the chunks that were left."""
        measured = self._drain()
        chunks, self._unused_s = self._chunker.flush()
        self._is_over = True
        return measured + [self._measured(chunk) for chunk in chunks]

    def infer(self, measured: MeasuredChunk) -> Inferred:
        """Return what a chunk is, and the logits of its labels where it is music."""
        if measured.is_silent:
            if self._following:
                self._following.reset()
            return "silence", np.empty(0)
        chunk, gain = measured.chunk, measured.gain
        waveform, is_complete = chunk.waveform[None], chunk.n_received == len(chunk.waveform)
        if self._following:
            outputs = self._following(waveform, chunk.start, gain, is_complete)[0]
        else:
            outputs = self._logits_of(np.float32(gain) * waveform)[0]
        logits, states = np.split(outputs, [self.card.n_logits])
        return (self.card.states[int(states.argmax())] if len(states) else "music"), logits

    def decide(self, measured: MeasuredChunk, inferred: Inferred) -> Prediction:
        """Let a chunk vote, and return its prediction with the running decision after it."""
        chunk, sample_rate = measured.chunk, self.card.frontend.sample_rate
        self._n_samples, self._notes = measured.position, measured.notes
        self._n_chunks += 1
        padded_s = (len(chunk.waveform) - chunk.n_received) / sample_rate
        self._padded_s += padded_s
        probs, chosen = np.empty(0), np.zeros(len(self.card.labels), bool)
        kind, logits = inferred
        self._n_of[kind] += 1
        if kind == "music":
            probs = self._tree.lifted(label_probabilities(self.card, logits))
            most = np.arange(len(probs)) == probs.argmax()
            chosen = probs >= self._thresholds if self.card.multi_label else most
        start_s, end_s = chunk.start / sample_rate, (chunk.start + chunk.n_received) / sample_rate
        for vote in {self._vote, self._whole}:  # often one
            vote.add(kind, probs, chosen, start_s, end_s)
        prediction = Prediction(
            start_s=start_s,
            end_s=end_s,
            padded_s=padded_s,
            level_db=measured.level_db,
            probs=dict(zip(self._labels, map(float, probs), strict=False)),
            chosen=tuple(self._labels[label] for label in np.flatnonzero(self._tree.deepest(chosen))),
            running=self._decision(self._vote),
            kind=kind,
        )
        self._history.push(prediction)
        return prediction

    def settle(self) -> None:
        """Count what came after the last decision; call it when every chunk is decided."""
        self._n_samples, self._notes, self._dropped_s = self._n_cut, self._conditioner.notes, self._unused_s

    def verdict(self, problems: tuple[str, ...] = (), ending: Ending | None = None) -> Verdict:
        """Return what is known of the stream so far."""
        history = self._history.ended()
        return Verdict(
            source=self.source,
            model=self.card.name,
            final=self._final(history),
            duration_s=self.position_s,
            dropped_s=self._dropped_s,
            n_chunks=self._n_chunks,
            n_silent=self._n_of["silence"],
            n_speech=self._n_of["speech"],
            n_noise=self._n_of["noise"],
            padded_s=self._padded_s,
            problems=problems,
            notes=(*(ending.notes if ending else ()), *self._notes),
            ending=ending,
            segments=history.segments,
            seconds=history.seconds,
        )

    @property
    def position_s(self) -> float:
        """Seconds of the stream that were processed so far."""
        return self._n_samples / self.card.frontend.sample_rate

    def _check_open(self, method: str) -> None:
        if self._is_over:
            raise UsageError(f"{method}: this session was flushed, so its stream is over; begin another session")

    def _take(self, mono: np.ndarray, sample_rate: int) -> list[MeasuredChunk]:
        """Take a conditioned piece, shape (n_samples,), and return the chunks that became whole."""
        self.level.push(mono[None], len(mono) / sample_rate)
        return self._cut(self._resampler.push(mono, sample_rate))

    def _cut(self, waveform: np.ndarray) -> list[MeasuredChunk]:
        if self.on_waveform:
            rate = self.card.frontend.sample_rate
            self.on_waveform(self._chunker.position / rate, waveform, rate)
        self._n_cut += len(waveform)
        if self._leveller:
            self._leveller.push(waveform)
        return [self._measured(chunk) for chunk in self._chunker.push(waveform)]

    def _drain(self) -> list[MeasuredChunk]:
        """Return the chunks of what the conditioning and the resampler still hold."""
        measured = [one for mono, rate in self._conditioner.flush() for one in self._take(mono, rate)]
        return measured + self._cut(self._resampler.flush())

    def _measured(self, chunk: Chunk) -> MeasuredChunk:
        sample_rate = self.card.frontend.sample_rate
        level_db = loudness_db(chunk.waveform, sample_rate)
        return MeasuredChunk(
            chunk=chunk,
            position=self._n_cut,
            level_db=level_db,
            # Of silence too: the leveller forgets old loudness only here.
            gain=self._leveller.gain(chunk.start + chunk.n_received) if self._leveller else 1.0,
            is_silent=is_silent(chunk.waveform, sample_rate, self.config.silence_db, level_db),
            notes=self._conditioner.notes,
        )

    def _answered(self, measured: list[MeasuredChunk]) -> list[Prediction]:
        predictions = [self.decide(one, self.infer(one)) for one in measured]
        self.settle()
        return predictions

    def _final(self, history: History) -> Decision:
        """Return the decision on the whole stream."""
        decision = self._decision(self._whole)
        is_followed = self._vote is not self._whole and not self.card.multi_label
        if is_followed and history.mix and decision.state in ("music", "unsure"):
            return dataclasses.replace(decision, state="mix", genres=history.mix)
        return decision

    def _decision(self, vote: Vote | Follow) -> Decision:
        labels, probs = self._labels, vote.probs
        reached = probs >= self._thresholds
        is_named = bool(vote.n_votes and reached.any())
        state: State = vote.kind if vote.kind != "music" or is_named else "unsure"
        deepest = self._tree.deepest(reached) & (state == "music")
        named = [int(label) for label in np.argsort(-probs, kind="stable") if deepest[label]]
        if not self.card.multi_label:
            named = named[:1]
        return Decision(
            state=state,
            genres=tuple(labels[label] for label in named),
            probs=dict(zip(labels, map(float, probs), strict=True)),
            votes=dict(zip(labels, map(int, vote.counts), strict=True)),
            n_votes=vote.n_votes,
            rule=str(vote),
            since_s=vote.since_s,
        )
