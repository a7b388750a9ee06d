"""How well the headline of a live run follows the music, and the segments in hindsight: medleys of held-out tracks.

Each fold's model plays medleys of its own held-out tracks, so it knows no artist in them. How sticky the vote and the
segments are is chosen on medleys of the first two folds and scored on medleys of the others, whose models were trained
on the tracks of the first two::

    python -m benchmarks.live runs/musicnn-yamnet --data ../shared/data/gtzan --more ../shared/data/songs
    python -m benchmarks.live … --choose     # also all candidates

A medley has tracks of one dataset. Single tracks tell whether the vote costs accuracy where nothing changes, and how
often one is called a mix.
"""

import collections
import dataclasses
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import tyro

from genrestream.api import Classifier
from genrestream.audio.source import AudioSource
from genrestream.inference import checkpoint, shipped
from genrestream.inference.program import use_compile_cache
from genrestream.streaming.history import History
from genrestream.streaming.predictions import Prediction
from genrestream.streaming.segments import HINDSIGHT, Segmenter
from genrestream.voting.follow import FOLLOW, Changes, Follow
from genrestream.voting.viterbi import Stickiness
from genrestream.voting.vote import Vote
from train.command.entry import entry
from train.data.decode import waveform_of
from train.data.load import read_all
from train.data.tracks import Track
from train.evaluation.metrics import calibration_error
from train.evaluation.runs import find_system

PIECES, SHORTEST_S, LONGEST_S = 8, 15.0, 40.0  # in a medley; of a piece
SHORTEST_SINGLE_S = 14.0  # shorter tracks are single excerpts of 2 to 3 s
HOP_S, FRAME_S = 1.0, 0.1
CHANGES = [
    Changes(mean_s, 0.1, evidence, limit, 0.2)
    for mean_s, evidence, limit in itertools.product((10.0, 20.0, 40.0, 80.0), (2.0, 4.0, 8.0, 16.0), (5.0, 8.0, 12.0))
]
STICKY = [
    Stickiness(mean_s, floor, evidence)
    for mean_s, floor, evidence in itertools.product((10.0, 40.0, 160.0), (0.002, 0.01, 0.05), (0.3, 0.6, 1.0))
]
N_DRAWS = 2000
MAX_OFF = 0.05  # calibration error that costs a candidate nothing
MAX_SHOWN = 1.6  # changes shown for each real one, of a candidate


@dataclasses.dataclass(frozen=True)
class Config:
    """How the benchmark is run.

    Attributes:
        run: A run of folds.
        data: The folder of labelled tracks that it was trained on.
        more: Further ones.
        calibrated: The published model of the run, whose temperature and sharpness the folds' models get.
        n_medleys: Medleys of each dataset to score on; half as many to choose on.
        choose: Print all candidates.
        seed: Of the medleys.
    """

    run: tyro.conf.Positional[str]
    data: Path
    more: tuple[Path, ...] = ()
    calibrated: str = "musicnn-yamnet"
    n_medleys: int = 40
    choose: bool = False
    seed: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Medley:
    """A mix: its predictions, where each genre begins, and where the mix ends."""

    predictions: list[Prediction]
    starts_s: list[float]
    genres: list[str]
    end_s: float

    def frames(self, first_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the times of frames from a time on, and the genre of each."""
        times_s = np.arange(first_s + FRAME_S / 2, self.end_s, FRAME_S)
        return times_s, np.array(self.genres)[np.searchsorted(self.starts_s, times_s, side="right") - 1]


@dataclasses.dataclass(frozen=True)
class Score:
    """How well a headline follows the medleys, each value per medley.

    Attributes:
        right: Share of frames whose genre the headline names, from the first answer on.
        delays_s: Seconds from each change to the right headline; infinite where it never came.
        shown: Changes of the headline for each real one.
        probs: The headline's probability in each frame, of all medleys.
        is_right: Whether it was right there.
    """

    right: list[float]
    delays_s: list[list[float]]
    shown: list[float]
    probs: np.ndarray
    is_right: np.ndarray

    @property
    def calibration_error(self) -> float:
        """Expected calibration error of the headline, over frames."""
        return calibration_error(
            np.stack([self.probs, np.zeros_like(self.probs)], axis=1), (~self.is_right).astype(int)
        )

    def __str__(self) -> str:
        cells = [_with_interval([[share] for share in self.right], np.mean), _with_interval(self.delays_s, np.median)]
        cells.append(_with_interval([[share] for share in self.shown], np.mean))
        return " | ".join([*cells, f"{self.calibration_error:.3f}"])


def _with_interval(values: Sequence[Sequence[float]], statistic: Callable[[np.ndarray], np.floating]) -> str:
    """Return a statistic of all values with its 95 % bootstrap interval over medleys."""
    draws = np.random.default_rng(0).integers(len(values), size=(N_DRAWS, len(values)))
    drawn = [statistic(np.concatenate([values[medley] for medley in draw])) for draw in draws]
    low, high = np.percentile(drawn, [2.5, 97.5], method="nearest")  # a delay may be infinite
    return f"{statistic(np.concatenate(values)):.2f} ({low:.2f} to {high:.2f})"


Part = tuple[Classifier, Sequence[Track]]
Headline = Callable[[Sequence[Prediction], tuple[str, ...]], list[tuple[str, float]]]


def main(config: Config) -> None:
    """Choose how sticky vote and segments are, and print the tables of docs/results.md."""
    use_compile_cache()
    tracks = read_all(config.data, config.more).tracks
    card = checkpoint.read(shipped.find(config.calibrated)).card
    parts = [
        (Classifier(dataclasses.replace(part.model, card=_calibrated(part.model.card, card))), part.tracks)
        for part in find_system(config.run, tracks).seeds[0]
    ]
    labels, domains = card.labels, list(dict.fromkeys(track.domain for track in tracks))
    chosen_on = [
        medley for domain in domains for medley in _of_domain(parts[:2], domain, config.n_medleys // 2, config.seed)
    ]
    best = _choose(chosen_on, labels, config.choose)
    print(f"chosen for the headline: {best}; in use: {FOLLOW}")
    hindsight = max(STICKY, key=lambda sticky: _calm_segments(chosen_on, labels, sticky))
    print(f"chosen for segments: {hindsight}; in use: {HINDSIGHT}", flush=True)
    headlines: dict[str, Headline] = {
        "each chunk alone": _alone,
        "mean": lambda predictions, names: _voted(predictions, names, lambda: Vote(len(names))),
        "decay, half-life 15 s": lambda predictions, names: _voted(
            predictions, names, lambda: Vote(len(names), "decay")
        ),
        "follow (in use)": lambda predictions, names: _voted(predictions, names, lambda: Follow(len(names))),
        "follow (chosen)": lambda predictions, names: _voted(predictions, names, lambda: Follow(len(names), best)),
    }
    for domain in domains:
        medleys = list(_of_domain(parts[2:], domain, config.n_medleys, config.seed))
        print(
            f"\n{domain}\n\n| headline | frames right | to the right headline, s | changes shown | calibration error |"
        )
        print("|---|---|---|---|---|")
        for name, headline in headlines.items():
            print(f"| {name} | {_score(medleys, labels, headline)} |", flush=True)
        right, found = _segments_score(medleys, labels, HINDSIGHT)
        frames = _with_interval([[one] for one in right], np.mean)
        print(f"segments in hindsight: frames right {frames}, changes {found:.2f}")
        mixes = [bool(_history(medley.predictions, labels).mix) for medley in medleys]
        print(f"medleys called a mix: {sum(mixes)} of {len(mixes)}", flush=True)
        _print_single(parts, domain, labels)


def _calibrated(card: checkpoint.Card, like: checkpoint.Card) -> checkpoint.Card:
    return dataclasses.replace(card, temperature=like.temperature, sharpness=like.sharpness)


def _of_domain(parts: Sequence[Part], domain: str, count: int, seed: int) -> Iterator[Medley]:
    for (model, tracks), share in zip(parts, _shares(count, len(parts)), strict=True):
        yield from _medleys(model, [track for track in tracks if track.domain == domain], share, seed)


def _print_single(parts: Sequence[Part], domain: str, labels: tuple[str, ...]) -> None:
    """Print how often the last headline and the mean are right on single tracks, and how often one is called a mix."""
    right: dict[str, list[bool]] = {"mean": [], "follow": []}
    n_mixes = 0
    for model, tracks in parts:
        for track in tracks:
            if track.domain != domain or _duration_s(track) < SHORTEST_SINGLE_S:
                continue
            predictions = list(model.stream(track.path))
            for name, vote in {"mean": Vote(len(labels)), "follow": Follow(len(labels))}.items():
                right[name].append(_voted(predictions, labels, lambda vote=vote: vote)[-1][0] == track.genre)
            n_mixes += bool(_history(predictions, labels).mix)
    both = np.array(right["follow"], float) - np.array(right["mean"], float)
    for name, values in right.items():
        print(f"single tracks, {name}: {_with_interval([[one] for one in values], np.mean)}")
    print(f"follow less mean: {_with_interval([[one] for one in both], np.mean)}")
    print(f"single tracks called a mix: {n_mixes} of {len(both)}", flush=True)


def _shares(total: int, n_parts: int) -> list[int]:
    return [total // n_parts + (number < total % n_parts) for number in range(n_parts)]


def _score(medleys: Sequence[Medley], labels: tuple[str, ...], headline: Headline) -> Score:
    right, delays_s, shown, probs, is_right = [], [], [], [], []
    for medley in medleys:
        answers = headline(medley.predictions, labels)
        ends_s = np.array([prediction.end_s for prediction in medley.predictions])
        times_s, truth = medley.frames(ends_s[0])
        latest = np.searchsorted(ends_s, times_s, side="right") - 1
        names = np.array([name for name, _ in answers])[latest]
        right.append(float((names == truth).mean()))
        shown.append(float((names[1:] != names[:-1]).sum()) / (len(medley.genres) - 1))
        delays_s.append(list(_delays(medley, times_s, names)))
        probs.append(np.array([prob for _, prob in answers])[latest])
        is_right.append(names == truth)
    return Score(right, delays_s, shown, np.concatenate(probs), np.concatenate(is_right))


def _delays(medley: Medley, times_s: np.ndarray, names: np.ndarray) -> Iterator[float]:
    ends_s = [*medley.starts_s[1:], medley.end_s]
    for start_s, end_s, genre in list(zip(medley.starts_s, ends_s, medley.genres, strict=True))[1:]:
        places = np.flatnonzero((times_s >= start_s) & (times_s < end_s) & (names == genre))
        yield float(times_s[places[0]] - start_s) if len(places) else float("inf")


def _alone(predictions: Sequence[Prediction], labels: tuple[str, ...]) -> list[tuple[str, float]]:
    answers = []
    for prediction in predictions:
        if prediction.kind == "music":
            answers.append(max(prediction.probs.items(), key=lambda item: item[1]))
        else:
            answers.append((prediction.kind, 1.0))
    return answers


def _voted(
    predictions: Sequence[Prediction], labels: tuple[str, ...], begin: Callable[[], Vote | Follow]
) -> list[tuple[str, float]]:
    vote, answers = begin(), []
    for prediction in predictions:
        probs = np.array([prediction.probs.get(label, 0.0) for label in labels])
        vote.add(prediction.kind, probs, probs == probs.max(), prediction.start_s, prediction.end_s)
        now = vote.probs
        answers.append((labels[int(now.argmax())], float(now.max())) if vote.kind == "music" else (vote.kind, 1.0))
    return answers


def _choose(medleys: Sequence[Medley], labels: tuple[str, ...], show: bool) -> Changes:
    """Return the candidate with the most frames right of those that change calmly, less what its calibration is off."""
    scores: dict[Changes, Score] = {}
    for changes in CHANGES:

        def headline(predictions: Sequence[Prediction], names: tuple[str, ...], changes: Changes = changes):
            return _voted(predictions, names, lambda: Follow(len(names), changes))

        scores[changes] = _score(medleys, labels, headline)
        if show:
            print(f"{changes}: {scores[changes]}", flush=True)

    def key(changes: Changes) -> tuple[bool, float]:
        score = scores[changes]
        off = max(0.0, score.calibration_error - MAX_OFF)
        return bool(np.mean(score.shown) <= MAX_SHOWN), float(np.mean(score.right)) - off

    return max(CHANGES, key=key)


def _segments_score(medleys: Sequence[Medley], labels: tuple[str, ...], sticky: Stickiness) -> tuple[np.ndarray, float]:
    right, found = [], 0.0
    for medley in medleys:
        segmenter = Segmenter(labels, sticky)
        segments = [one for prediction in medley.predictions for one in segmenter.push(prediction)] + segmenter.flush()
        times_s, truth = medley.frames(0.0)
        starts_s = [segment.start_s for segment in segments]
        names = np.array([s.genre for s in segments])[np.searchsorted(starts_s, times_s, side="right") - 1]
        right.append((names == truth).mean())
        found += (len(segments) - 1) / (len(medley.genres) - 1) / len(medleys)
    return np.array(right), found


def _calm_segments(medleys: Sequence[Medley], labels: tuple[str, ...], sticky: Stickiness) -> tuple[bool, float]:
    right, found = _segments_score(medleys, labels, sticky)
    return found <= MAX_SHOWN, float(right.mean())


def _history(predictions: Sequence[Prediction], labels: tuple[str, ...]) -> History:
    history = History(labels)
    for prediction in predictions:
        history.push(prediction)
    return history.ended()


def _medleys(model: Classifier, tracks: Sequence[Track], count: int, seed: int) -> Iterator[Medley]:
    """Play pieces of tracks one after another, eight in a medley, no two neighbours of one genre."""
    chance, sample_rate = random.Random(seed), model.card.frontend.sample_rate
    long = [track for track in tracks if _duration_s(track) >= SHORTEST_S]
    by_genre: dict[str, list[Track]] = collections.defaultdict(list)
    for track in chance.sample(long, len(long)):
        by_genre[track.genre].append(track)
    for _ in range(count):
        members: list[Track] = []
        while len(members) < PIECES:
            genre = chance.choice([name for name in by_genre if not members or name != members[-1].genre])
            members.append(by_genre[genre].pop(0))
            by_genre[genre].append(members[-1])
        pieces = []
        for track in members:
            waveform = waveform_of(track.path, sample_rate)[0]
            n_samples = min(len(waveform), round(chance.uniform(SHORTEST_S, LONGEST_S) * sample_rate))
            start = chance.randrange(len(waveform) - n_samples + 1)
            pieces.append(waveform[start : start + n_samples])
        session = model.session(hop_s=HOP_S)
        predictions = session.push(np.concatenate(pieces), sample_rate) + session.flush()
        lengths_s = np.array([len(piece) for piece in pieces]) / sample_rate
        starts_s = [0.0, *np.cumsum(lengths_s)[:-1].tolist()]
        yield Medley(predictions, starts_s, [track.genre for track in members], float(lengths_s.sum()))


def _duration_s(track: Track) -> float:
    if track.seconds is not None:  # a part of a long track: the whole is in another fold
        return 0.0
    with AudioSource(track.path) as source:
        return source.duration_s or 0.0


if __name__ == "__main__":
    entry(lambda: main(tyro.cli(Config, description=__doc__)))
