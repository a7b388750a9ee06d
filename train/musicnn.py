"""Train the genre head on the frozen MusiCNN, score it by artist folds, and write checkpoints/musicnn.

A class-weighted logistic regression on the penultimate and pooled features of 3 s chunks::

    python -m train.musicnn --data ../shared/data/gtzan                  # 20 minutes on two cores
    python -m train.musicnn --data ../shared/data/gtzan --score-test     # also the published test list

The regularisation is chosen inside the training folds, the temperature on the tracks left out. The head that is
written is trained on all tracks; the figures in its card are those of the folds.
"""

import dataclasses
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tyro
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression

from genrestream import checkpoint
from genrestream.errors import UsageError
from genrestream.log_mel import log_mel
from genrestream.network import bind, load_weights
from genrestream.session import probabilities
from train.data import Track, chunks_of, gtzan_tracks
from train.metrics import accuracy_interval, calibration_error, macro_f1, recall_by_class

N_FOLDS = 5
CHUNK_S = 3.0


@dataclasses.dataclass(frozen=True)
class HeadConfig:
    """How the head is trained.

    Attributes:
        data: GTZAN's folder, with tracks.csv and splits/.
        hop_s: Seconds between the starts of training chunks, 3 or a whole part of it; scores use those 3 s apart.
        strengths: Candidates for the inverse regularisation C.
        length_power: A track of n chunks weighs n to this power: 0 all tracks alike, 1 all seconds alike.
        score_test: Also train on the fault-filtered train and validation lists and score the test list.
        output: The model's folder.
    """

    data: Path
    hop_s: float = 1.5
    strengths: tuple[float, ...] = (3e-4, 6e-4, 1e-3, 2e-3)
    length_power: float = 0.5
    score_test: bool = False
    output: Path = Path("checkpoints/musicnn")

    def __post_init__(self) -> None:
        if not 0 < self.hop_s <= CHUNK_S or abs(self.stride * self.hop_s - CHUNK_S) > 1e-9:
            raise UsageError(f"--hop-s {self.hop_s}: must be {CHUNK_S:g} s or a whole part of it")

    @property
    def stride(self) -> int:
        """Training chunks from one scored chunk to the next."""
        return round(CHUNK_S / self.hop_s)


@dataclasses.dataclass(frozen=True, eq=False)
class Chunks:
    """Features of all chunks, shape (n_chunks, n_features), and which track and place each is from."""

    features: np.ndarray
    track: np.ndarray
    place: np.ndarray


def frozen_features(tracks: list[Track], config: HeadConfig) -> Chunks:
    """Run every chunk of every track through the pretrained network."""
    model = checkpoint.read(checkpoint.find("musicnn-tags"))
    weights = jax.device_put(load_weights(model))
    network = bind(model.card)

    @jax.jit
    def features(weights: dict, chunk: jax.Array) -> jax.Array:
        return jax.numpy.concatenate(network(weights).features(log_mel(chunk, model.card.frontend)), axis=-1)[0]

    rows, track, place = [], [], []
    for number, one in enumerate(tracks):
        for at, chunk in enumerate(chunks_of(one.path, model.card.frontend, config.hop_s)):
            rows.append(np.asarray(features(weights, chunk[None])))
            track.append(number)
            place.append(at)
        if number % 50 == 49:
            print(f"features of {number + 1} of {len(tracks)} tracks", flush=True)
    return Chunks(np.stack(rows), np.array(track), np.array(place))


def fit(
    features: np.ndarray, labels: np.ndarray, weights: np.ndarray, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fit the logistic head; return its kernel (n_features, n_classes) and bias for features as they come."""
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    head = LogisticRegression(C=strength, max_iter=300).fit((features - mean) / scale, labels, sample_weight=weights)
    kernel = head.coef_.T / scale[:, None]
    return kernel, head.intercept_ - mean @ kernel


class Trainer:
    """The data in memory, and what is fitted to parts of it."""

    def __init__(self, config: HeadConfig):
        self.config = config
        self.tracks = gtzan_tracks(config.data)
        self.genres = tuple(sorted({track.genre for track in self.tracks}))
        self.labels = np.array([self.genres.index(track.genre) for track in self.tracks])
        self.folds = np.array([track.fold for track in self.tracks])
        self.chunks = frozen_features(self.tracks, config)

    def fit(self, tracks: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
        """Fit a head to the tracks of a boolean mask; classes weigh alike, whatever their seconds."""
        use = tracks[self.chunks.track]
        track, labels = self.chunks.track[use], self.labels[self.chunks.track[use]]
        weights = np.bincount(track)[track] ** (self.config.length_power - 1)
        weights *= len(weights) / len(self.genres) / np.bincount(labels, weights)[labels]
        return fit(self.chunks.features[use], labels, weights, strength)

    def logits(self, head: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Return the head's logits of all chunks."""
        return self.chunks.features @ head[0] + head[1]

    def track_probs(self, logits: np.ndarray, temperature: float = 1.0, n_chunks: int | None = None) -> np.ndarray:
        """Return each track's mean vote over its first chunks, 3 s apart as in a stream."""
        probs = probabilities(logits, temperature, multi_label=False)
        even = self.chunks.place % self.config.stride == 0
        if n_chunks:
            even &= self.chunks.place < self.config.stride * n_chunks
        return np.stack(
            [probs[(self.chunks.track == number) & even].mean(axis=0) for number in range(len(self.tracks))]
        )

    def choose(self, tracks: np.ndarray) -> float:
        """Choose the regularisation by track accuracy on folds inside these tracks."""
        scores = []
        for strength in self.config.strengths:
            right = 0
            for fold in np.unique(self.folds[tracks]):
                inside, outside = tracks & (self.folds != fold), tracks & (self.folds == fold)
                probs = self.track_probs(self.logits(self.fit(inside, strength)))
                right += (probs.argmax(axis=1) == self.labels)[outside].sum()
            scores.append(right)
        print(f"  right of {tracks.sum()} by C: {dict(zip(self.config.strengths, scores, strict=True))}", flush=True)
        return self.config.strengths[int(np.argmax(scores))]

    def temperature(self, logits: np.ndarray, tracks: np.ndarray) -> float:
        """Return the temperature that makes the running probability of these tracks most likely true."""

        def loss(log_temperature: float) -> float:
            losses = []
            for n_chunks in (1, 2, 3, 5, 10):
                probs = self.track_probs(logits, np.exp(log_temperature), n_chunks)[tracks]
                losses.append(-np.log(probs[np.arange(len(probs)), self.labels[tracks]]).mean())
            return float(np.mean(losses))

        best: Any = minimize_scalar(loss, bounds=(-2, 2), method="bounded")
        return float(np.exp(best.x))


def scores(trainer: Trainer, probs: np.ndarray, tracks: np.ndarray) -> dict:
    """Return accuracy, its interval, recall by genre and F1 of the tracks of a mask."""
    predicted, labels = probs.argmax(axis=1)[tracks], trainer.labels[tracks]
    low, high = accuracy_interval(predicted == labels)
    recall = recall_by_class(predicted, labels, len(trainer.genres))
    return {
        "n_tracks": int(tracks.sum()),
        "accuracy": round(float((predicted == labels).mean()), 4),
        "accuracy_95": [round(low, 4), round(high, 4)],
        "macro_recall": round(float(recall.mean()), 4),
        "macro_f1": round(macro_f1(predicted, labels, len(trainer.genres)), 4),
        "recall": dict(zip(trainer.genres, np.round(recall, 3).tolist(), strict=True)),
    }


def artist_folds(trainer: Trainer) -> tuple[dict, np.ndarray]:
    """Score every track by a head that never heard its artist; return the figures and the chunks' logits."""
    logits = np.zeros((len(trainer.chunks.track), len(trainer.genres)))
    chosen = []
    for fold in range(N_FOLDS):
        print(f"fold {fold}", flush=True)
        chosen.append(trainer.choose(trainer.folds != fold))
        held_out = trainer.folds[trainer.chunks.track] == fold
        logits[held_out] = trainer.logits(trainer.fit(trainer.folds != fold, chosen[-1]))[held_out]
    everything = np.ones(len(trainer.tracks), bool)
    calibrated = np.zeros((len(trainer.tracks), len(trainer.genres)))
    first = np.zeros_like(calibrated)
    for fold in range(N_FOLDS):  # the error is of tracks that the temperature was not fitted on
        temperature = trainer.temperature(logits, trainer.folds != fold)
        held_out = trainer.folds == fold
        calibrated[held_out] = trainer.track_probs(logits, temperature)[held_out]
        first[held_out] = trainer.track_probs(logits, temperature, n_chunks=1)[held_out]
    n_chunks = np.bincount(trainer.chunks.track)
    right = calibrated.argmax(axis=1) == trainer.labels
    even = trainer.chunks.place % trainer.config.stride == 0
    figures = scores(trainer, calibrated, everything) | {
        "accuracy_single_excerpt": round(float(right[n_chunks == 1].mean()), 4),
        "accuracy_14_s_or_more": round(float(right[n_chunks > 1].mean()), 4),
        "accuracy_first_chunk": round(float((first.argmax(axis=1) == trainer.labels).mean()), 4),
        "accuracy_chunks": round(
            float((logits.argmax(axis=1) == trainer.labels[trainer.chunks.track])[even].mean()), 4
        ),
        "calibration_error_track": round(calibration_error(calibrated, trainer.labels), 4),
        "calibration_error_first_chunk": round(calibration_error(first, trainer.labels), 4),
        "unsure_below_half": round(float((calibrated.max(axis=1) < 0.5).mean()), 4),
        "accuracy_where_sure": round(float(right[calibrated.max(axis=1) >= 0.5].mean()), 4),
        "strengths": chosen,
    }
    return figures, logits


def fault_filtered(trainer: Trainer) -> dict:
    """Train on the published train and validation lists and score the test list, as far as it is at hand."""
    split = np.array([track.split for track in trainer.tracks])
    heard = np.isin(split, ["train", "validation"])
    strength = trainer.choose(heard)
    return scores(trainer, trainer.track_probs(trainer.logits(trainer.fit(heard, strength))), split == "test")


def main(config: HeadConfig) -> None:
    """Score the head and write the one trained on everything."""
    trainer = Trainer(config)
    figures, logits = artist_folds(trainer)
    metrics = {"artist_folds": figures}
    print(figures, flush=True)
    if config.score_test:
        metrics["fault_filtered_test"] = fault_filtered(trainer)
        print(metrics["fault_filtered_test"], flush=True)
    everything = np.ones(len(trainer.tracks), bool)
    temperature = trainer.temperature(logits, everything)
    kernel, bias = trainer.fit(everything, float(np.median(figures["strengths"])))
    tags = checkpoint.read(checkpoint.find("musicnn-tags"))
    weights = load_weights(tags) | {"output.kernel": kernel.astype(np.float32), "output.bias": bias.astype(np.float32)}
    card = checkpoint.Card(
        name=config.output.name,
        model="musicnn",
        model_config={"head": "pooled"},
        frontend=tags.card.frontend,
        labels=trainer.genres,
        multi_label=False,
        temperature=round(temperature, 4),
        min_probability=0.5,
        metrics=metrics,
        provenance={
            "weights": f"frozen: {tags.card.provenance['weights']}; head: this project",
            "data": f"{len(trainer.tracks)} of GTZAN's 1,000 tracks; no copyright permission, so research use",
            "split": "shipped: trained on all; figures: five artist folds, no artist or duplicate in two",
            "seed": "none, the fit is deterministic",
            "command": shlex.join(["python", "-m", "train.musicnn", *sys.argv[1:]]),
            "commit": commit(),
            "licence": "ISC for the network, see LICENSE-musicnn.txt; Apache-2.0 for the head",
        },
    )
    checkpoint.write(config.output, card, weights, tags.path.glob("LICENSE*"))
    print(f"written: {config.output}, temperature {temperature:.3f}", flush=True)


def commit() -> str:
    """Return the commit that is checked out, marked where the working tree differs."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"], capture_output=True, text=True, check=False
    )
    return described.stdout.strip() or "unknown"


if __name__ == "__main__":
    main(tyro.cli(HeadConfig, description=__doc__))
