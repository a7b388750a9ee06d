"""A session: raw samples in, predictions out, the same for files, pipes and microphones."""

import dataclasses
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np

from genrestream.audio.chunks import Chunk, Chunker
from genrestream.audio.conditioning import Conditioner, Leveller
from genrestream.audio.downmix import Channel, check_channel
from genrestream.audio.level import Level
from genrestream.audio.reading.ending import Ending
from genrestream.audio.resample import Resampler
from genrestream.audio.silence import is_silent, loudness_db
from genrestream.errors import OptionError, UsageError, check_number
from genrestream.inference.checkpoint import Card
from genrestream.inference.tree import Tree
from genrestream.streaming.history import History
from genrestream.streaming.predictions import Decision, Prediction, State, Verdict
from genrestream.streaming.samples import block_of
from genrestream.streaming.turn import OneThread
from genrestream.voting.follow import Follow
from genrestream.voting.steps import Kind
from genrestream.voting.vote import Rule, Vote, check_half_life

VoteName = Literal["follow", Rule]
OnWaveform = Callable[[float, np.ndarray, int], None]
LONGEST_GAP_S = 1e9
SHORT_GAP_S = 2.0  # up to this the music goes on after a gap


@dataclasses.dataclass(frozen=True)
class StreamConfig:
    """How a stream is cut, voted on and decided.

    Attributes:
        hop_s: Seconds from one chunk's start to the next one's.
        vote: What the running probabilities are: of what plays now, where chunks before a change stop counting
            (follow); the mean of all chunks' probabilities; the majority of their choices; or a mean in which old
            chunks fade (decay).
        half_life_s: For the decay vote: seconds after which a chunk counts half.
        min_probability: Under it the answer is unsure; of a tag model, tags under it are not named. The model's own,
            or its thresholds for each label, where not given.
        silence_db: Chunks quieter than this, in dB below full scale, are silence and do not vote, unless they vary as
            music from a quiet microphone does.
        channel: Which channel to use: auto mixes what carries sound; mid, left, right, or a number from 1.
    """

    hop_s: float = 3.0
    vote: VoteName = "follow"
    half_life_s: float = 15.0
    min_probability: float | None = None
    silence_db: float = -60.0
    channel: Channel = "auto"

    def __post_init__(self) -> None:
        check_hop(self.hop_s)
        if self.min_probability is not None:
            check_number("min_probability", self.min_probability, 0, 1, "from 0 to 1")
        check_number("silence_db", self.silence_db, -200, 0, "from -200 to 0 dB")
        check_channel(self.channel)
        if self.vote not in get_args(VoteName):
            raise OptionError("vote", self.vote, f"must be one of {', '.join(get_args(VoteName))}")
        check_half_life(self.half_life_s)


def check_hop(hop_s: float) -> None:
    """Make sure that a hop is possible.

    Raises:
        OptionError: It is not.
    """
    check_number("hop_s", hop_s, 0.05, 3600, "from 0.05 to 3600 seconds")


class Session:
    """One stream on its way through a model.

    Args:
        card: The model's card.
        logits_of: The model: a chunk, shape (1, n_samples), to the logits of the labels and then of the card's states,
            shape (1, n_labels + n_states).
        config: How to cut, vote and decide.
        source: The stream's name, for the verdict.

    Attributes:
        on_waveform: Called with each piece of the stream as chunks are cut from it: where it begins, in seconds; its
            samples, shape (n_samples,); and their rate in Hz. None for nobody.
    """

    def __init__(
        self, card: Card, logits_of: Callable[[np.ndarray], np.ndarray], config: StreamConfig, source: str = "stream"
    ):
        frontend = card.frontend
        self.config, self.card, self.source = config, card, source
        least = card.min_probability if config.min_probability is None else config.min_probability
        of_label = card.thresholds if config.min_probability is None else {}
        self._thresholds = np.array([of_label.get(label, least) for label in card.labels])
        self._tree, self._labels = Tree(card.tree, card.labels), card.paths
        self._logits_of = logits_of
        self._conditioner, self._resampler = Conditioner(config.channel), Resampler(frontend.sample_rate)
        self._leveller = Leveller(frontend.level, frontend.sample_rate) if frontend.level else None
        self.level = Level(config.silence_db)
        self._chunker = Chunker(frontend.n_samples, round(config.hop_s * frontend.sample_rate), frontend.sample_rate)
        whole: Rule = "mean" if config.vote == "follow" else config.vote
        self._whole = Vote(len(card.labels), whole, config.half_life_s, card.sharpness)
        follow = Follow(len(card.labels), is_exclusive=not card.multi_label)
        self._vote = follow if config.vote == "follow" else self._whole
        self._history = History(card.paths)
        self._n_samples = self._n_chunks = 0
        self._n_of: Counter[str] = Counter()
        self._dropped_s = self._padded_s = 0.0
        self._turn, self._is_over = OneThread("this session"), False
        self.on_waveform: OnWaveform | None = None

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
            self._check_open("push")
            return [one for mono, rate in self._conditioner.push(block, sample_rate) for one in self._take(mono, rate)]

    def skip(self, lost_s: float) -> list[Prediction]:
        """Begin a new chunk after a gap of so many seconds; return what was ready before it."""
        check_number("lost_s", lost_s, 0, LONGEST_GAP_S, "from 0 seconds, and finite")
        with self._turn:
            self._check_open("skip")
            predictions = self._drain()
            if lost_s > SHORT_GAP_S:
                self._history.skip(self._chunker.start / self.card.frontend.sample_rate, lost_s)
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
            predictions = self._drain()
            chunks, self._dropped_s = self._chunker.flush()
            self._is_over = True
            return predictions + [self._classify(chunk) for chunk in chunks]

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
            notes=(*(ending.notes if ending else ()), *self._conditioner.notes),
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

    def _take(self, mono: np.ndarray, sample_rate: int) -> list[Prediction]:
        """Take a conditioned piece, shape (n_samples,), and classify the chunks that became whole."""
        self.level.push(mono[None], len(mono) / sample_rate)
        return self._process(self._resampler.push(mono, sample_rate))

    def _process(self, waveform: np.ndarray) -> list[Prediction]:
        if self.on_waveform:
            self.on_waveform(
                self._chunker.position / self.card.frontend.sample_rate, waveform, self._chunker.sample_rate
            )
        self._n_samples += len(waveform)
        if self._leveller:
            self._leveller.push(waveform)
        return [self._classify(chunk) for chunk in self._chunker.push(waveform)]

    def _drain(self) -> list[Prediction]:
        """Classify what the conditioning and the resampler still hold."""
        predictions = [one for mono, rate in self._conditioner.flush() for one in self._take(mono, rate)]
        return predictions + self._process(self._resampler.flush())

    def _classify(self, chunk: Chunk) -> Prediction:
        sample_rate = self.card.frontend.sample_rate
        self._n_chunks += 1
        level_db = loudness_db(chunk.waveform, sample_rate)
        padded_s = (len(chunk.waveform) - chunk.n_received) / sample_rate
        self._padded_s += padded_s
        probs, chosen = np.empty(0), np.zeros(len(self.card.labels), bool)
        kind, logits = self._look(chunk)
        self._n_of[kind] += 1
        if kind == "music":
            probs = self._tree.lifted(probabilities(logits, self.card.temperature, self.card.multi_label))
            most = np.arange(len(probs)) == probs.argmax()
            chosen = probs >= self._thresholds if self.card.multi_label else most
        start_s, end_s = chunk.start / sample_rate, (chunk.start + chunk.n_received) / sample_rate
        for vote in {self._vote, self._whole}:  # often one
            vote.add(kind, probs, chosen, start_s, end_s)
        prediction = Prediction(
            start_s=start_s,
            end_s=end_s,
            padded_s=padded_s,
            level_db=level_db,
            probs=dict(zip(self._labels, map(float, probs), strict=False)),
            chosen=tuple(self._labels[label] for label in np.flatnonzero(self._tree.deepest(chosen))),
            running=self._decide(self._vote),
            kind=kind,
        )
        self._history.push(prediction)
        return prediction

    def _look(self, chunk: Chunk) -> tuple[Kind, np.ndarray]:
        """Return what a chunk is, and the logits of its labels where it is music."""
        # Before the return for silence: the leveller forgets old loudness only here.
        gain = self._leveller.gain(chunk.start + chunk.n_received) if self._leveller else 1.0
        if is_silent(chunk.waveform, self.card.frontend.sample_rate, self.config.silence_db):
            return "silence", np.empty(0)
        outputs = self._logits_of(np.float32(gain) * chunk.waveform[None])[0]
        logits, states = np.split(outputs, [len(self.card.labels)])
        return (self.card.states[int(states.argmax())] if len(states) else "music"), logits

    def _final(self, history: History) -> Decision:
        """Return the decision on the whole stream."""
        decision = self._decide(self._whole)
        is_followed = self._vote is not self._whole and not self.card.multi_label
        if is_followed and history.mix and decision.state in ("music", "unsure"):
            return dataclasses.replace(decision, state="mix", genres=history.mix)
        return decision

    def _decide(self, vote: Vote | Follow) -> Decision:
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


def probabilities(logits: np.ndarray, temperature: float, multi_label: bool) -> np.ndarray:
    """Return calibrated probabilities along the last axis: sigmoid where several may hold, else softmax."""
    scaled = logits.astype(np.float64) / temperature
    if multi_label:
        return 0.5 * (1 + np.tanh(0.5 * scaled))  # the sigmoid, without overflow
    exponents = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return exponents / exponents.sum(axis=-1, keepdims=True)
