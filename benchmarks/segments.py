"""How well the segments of a mix are found: medleys of GTZAN tracks, against chunk by chunk and plain voting.

The stickiness is chosen on medleys of the validation tracks and scored on medleys of the test tracks; the head is
fitted to the training tracks only, because the shipped head was trained on all tracks::

    python -m benchmarks.segments                # ten minutes on two cores; prints the table of docs/results.md
    python -m benchmarks.segments --choose       # also the scores of all candidates on the validation medleys
"""

import dataclasses
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from genrestream.audio.source import AudioSource
from genrestream.errors import UsageError
from genrestream.inference import checkpoint, shipped
from genrestream.streaming.predictions import Prediction, Segment
from genrestream.streaming.segments import FLOOR, MEAN_SEGMENT_S, Segmenter
from genrestream.streaming.session import Session, StreamConfig
from train.augment.config import AugmentConfig
from train.command.entry import entry
from train.data.cache import AudioCache
from train.data.decode import waveform_of
from train.data.load import gtzan_tracks
from train.data.tracks import Track
from train.input.sampling import SamplingConfig
from train.transfer.head import HeadConfig, fit_head, frozen

SHORTEST_S = 14.0  # full and half tracks, not the single excerpts
TRACKS_IN_A_MEDLEY = 10
FRAME_S = 0.1
MEANS_S = (3.0, 5.0, 10.0, 20.0, 60.0)
FLOORS = (0.0005, 0.002, 0.01, 0.05)
MAX_FOUND = 1.5  # changes found for each true change; a rule that finds more flickers, however right its frames are
HOPS_S = (1.0, 3.0)

Finder = Callable[[list[Prediction]], list[Segment]]


@dataclasses.dataclass(frozen=True)
class Config:
    """How the benchmark is run.

    Attributes:
        data: GTZAN's folder.
        choose: Print the scores of all candidates on the validation medleys.
        seed: Which tracks follow each other.
    """

    data: Path = Path("../shared/data/gtzan")
    choose: bool = False
    seed: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Medley:
    """A mix: its predictions at each hop, and where each genre begins."""

    predictions: dict[float, list[Prediction]]
    starts_s: list[float]
    genres: list[str]
    end_s: float


@dataclasses.dataclass
class Score:
    """Frame accuracy, seconds from each change to the nearest one found, and changes found for each true change."""

    right: int = 0
    frames: int = 0
    errors_s: list[float] = dataclasses.field(default_factory=list)
    n_found: int = 0

    def add(self, medley: Medley, segments: list[Segment]) -> None:
        """Count one medley."""
        times_s = np.arange(FRAME_S / 2, medley.end_s, FRAME_S)
        truth = np.array(medley.genres)[np.searchsorted(medley.starts_s, times_s, side="right") - 1]
        starts_s = np.array([segment.start_s for segment in segments])
        found = np.array([s.genre for s in segments])[np.searchsorted(starts_s, times_s, side="right") - 1]
        self.right += int((truth == found).sum())
        self.frames += len(times_s)
        changes_s = starts_s[1:]
        self.n_found += len(changes_s)
        for change_s in medley.starts_s[1:]:
            self.errors_s.append(float(np.abs(changes_s - change_s).min()) if len(changes_s) else medley.end_s)

    @property
    def accuracy(self) -> float:
        """Share of frames whose genre is right."""
        return self.right / self.frames

    @property
    def found(self) -> float:
        """Changes found for each true change."""
        return self.n_found / len(self.errors_s)

    def __str__(self) -> str:
        errors_s = np.array(self.errors_s)
        return f"{100 * self.accuracy:.1f} % | {np.median(errors_s):.1f} s | {errors_s.mean():.1f} s | {self.found:.1f}"


def main(config: Config) -> None:
    """Fit the head, choose the stickiness on validation medleys, and print the table of the test medleys."""
    if not (config.data / "tracks.csv").is_file():
        raise UsageError(f"{config.data}: skipped, GTZAN's tracks are not here; give their folder with --data")
    tracks = [track for track in gtzan_tracks(config.data) if _duration_s(track) >= SHORTEST_S]
    card = checkpoint.read(shipped.find("musicnn")).card
    logits_of = _classifier([track for track in tracks if track.split == "train"], card.labels)
    medleys = {
        split: list(_medleys([t for t in tracks if t.split == split], card, logits_of, config.seed))
        for split in ("validation", "test")
    }
    for hop_s, is_live in ((1.0, True), (3.0, False), (1.0, False)):
        best = _choose(medleys["validation"], card.labels, hop_s, is_live, config.choose)
        print(f"hop {hop_s:g} s, {_rule(is_live)}: chosen mean {best[0]:g} s, floor {best[1]:g}", flush=True)
    print("\n| hop | rule | frame accuracy | change, median error | mean error | changes found for each true change |")
    print("|---|---|---|---|---|---|")
    for hop_s in HOPS_S:
        for name, finder in _finders(card.labels).items():
            print(f"| {hop_s:g} s | {name} | {_score(medleys['test'], hop_s, finder)} |", flush=True)


def _rule(is_live: bool) -> str:
    return "forward filter" if is_live else "Viterbi"


def _finders(labels: tuple[str, ...]) -> dict[str, Finder]:
    return {
        "each chunk's best": lambda predictions: _runs(predictions, lambda p: max(p.probs, key=p.probs.__getitem__)),
        "vote, decay 15 s": lambda predictions: _runs(predictions, lambda p: p.running.leader),
        "forward filter (live)": lambda predictions: _segments(predictions, labels, True),
        "Viterbi (files)": lambda predictions: _segments(predictions, labels, False),
    }


def _choose(
    medleys: list[Medley], labels: tuple[str, ...], hop_s: float, is_live: bool, show: bool
) -> tuple[float, float]:
    scores = {}
    for mean_s in MEANS_S:
        for floor in FLOORS:

            def finder(predictions: list[Prediction], mean_s: float = mean_s, floor: float = floor) -> list[Segment]:
                return _segments(predictions, labels, is_live, mean_s, floor)

            scores[mean_s, floor] = _score(medleys, hop_s, finder)
            if show:
                candidate = f"mean {mean_s:g} s, floor {floor:g}: {scores[mean_s, floor]}"
                print(f"validation, hop {hop_s:g} s, {_rule(is_live)}, {candidate}")
    calm = {candidate: score for candidate, score in scores.items() if score.found <= MAX_FOUND} or scores
    return max(calm, key=lambda candidate: calm[candidate].accuracy)


def _score(medleys: list[Medley], hop_s: float, finder: Finder) -> Score:
    score = Score()
    for medley in medleys:
        score.add(medley, finder(medley.predictions[hop_s]))
    return score


def _segments(
    predictions: list[Prediction],
    labels: tuple[str, ...],
    is_live: bool,
    mean_s: float = MEAN_SEGMENT_S,
    floor: float = FLOOR,
) -> list[Segment]:
    segmenter = Segmenter(labels, is_live, mean_s, floor)
    return [segment for prediction in predictions for segment in segmenter.push(prediction)] + segmenter.flush()


def _runs(predictions: list[Prediction], choose: Callable[[Prediction], str]) -> list[Segment]:
    """Join neighbours with the same answer; a change is halfway between two chunks' middles, as in the segmenter."""
    segments: list[Segment] = []
    centres_s = [(p.start_s + p.end_s) / 2 for p in predictions]
    for place, prediction in enumerate(predictions):
        genre = segments[-1].genre if prediction.is_silence and segments else choose(prediction)
        start_s = (centres_s[place - 1] + centres_s[place]) / 2 if place else prediction.start_s
        if not segments or segments[-1].genre != genre:
            segments.append(Segment(start_s, prediction.end_s, genre, 1.0))
    return segments


def _duration_s(track: Track) -> float:
    with AudioSource(track.path) as source:
        return source.duration_s or 0.0


def _classifier(tracks: list[Track], labels: tuple[str, ...]) -> Callable[[np.ndarray], np.ndarray]:
    """Fit a head to the tracks; return the function from a chunk, shape (1, n_samples), to logits."""
    head = HeadConfig()
    network = frozen(head.pretrained)
    frontend: Any = network.model.card.frontend
    cache = AudioCache(frontend.sample_rate)
    kernel, bias = fit_head(cache.fill(tracks).tracks, labels, cache, head, frontend, AugmentConfig(), SamplingConfig())
    return lambda chunk: network.features(chunk[0])[None] @ kernel + bias


def _medleys(
    tracks: list[Track], card: checkpoint.Card, logits_of: Callable[[np.ndarray], np.ndarray], seed: int
) -> Iterator[Medley]:
    """Play the tracks one after another, ten in a mix, no two neighbours of one genre.

    Each track starts up to three seconds late; otherwise its 30 s would be exactly ten chunks.
    """
    chance = random.Random(seed)
    for members in _orders(tracks, chance):
        waveforms = [waveform_of(track.path, card.frontend.sample_rate)[0] for track in members]
        waveforms = [waveform[chance.randrange(3 * card.frontend.sample_rate) :] for waveform in waveforms]
        lengths_s = [len(waveform) / card.frontend.sample_rate for waveform in waveforms]
        session = Session(card, logits_of, StreamConfig(hop_s=1.0, vote="decay"))
        fine = session.push(np.concatenate(waveforms), card.frontend.sample_rate) + session.flush()
        starts_s = [0.0, *np.cumsum(lengths_s)[:-1].tolist()]
        yield Medley({1.0: fine, 3.0: fine[::3]}, starts_s, [track.genre for track in members], sum(lengths_s))


def _orders(tracks: list[Track], chance: random.Random) -> Iterator[list[Track]]:
    left = chance.sample(tracks, len(tracks))
    while len(left) >= TRACKS_IN_A_MEDLEY:
        members: list[Track] = []
        while len(members) < TRACKS_IN_A_MEDLEY:
            other = [track for track in left if not members or track.genre != members[-1].genre]
            if not other:
                return
            members.append(other[0])
            left.remove(other[0])
        yield members


if __name__ == "__main__":
    entry(lambda: main(tyro.cli(Config, description=__doc__)))
