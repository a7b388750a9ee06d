"""Score labelled tracks with the code that streams, clean or distorted.

The chunks, their silence and their probabilities come from ``genrestream.Classifier``, so a score is the answer that a
user gets.
"""

import itertools
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from rich.console import Console
from rich.progress import track as progress

from genrestream.api import Classifier
from genrestream.audio.source import AudioSource
from genrestream.errors import AudioError, UsageError
from genrestream.streaming.predictions import Prediction
from train.augment.distort import Distortion
from train.data.tracks import Track
from train.evaluation.scores import Scored


def score(
    model: Classifier,
    tracks: Sequence[Track],
    hop_s: float = 3.0,
    distortion: Distortion | None = None,
    longest_s: float = np.inf,
    words: str = "scoring",
) -> Scored:
    """Score tracks with the code that streams.

    Args:
        model: A model of genres.
        tracks: The tracks; one that cannot be decoded is named in ``problems`` and left out.
        hop_s: Seconds from one chunk's start to the next one's.
        distortion: Applied to each track first, with random numbers that depend on the track's name only.
        longest_s: Chunks that start later are left out.
        words: Text of the progress bar.

    Raises:
        UsageError: The model has tags, a track's genre is not one of the model's, or no track can be scored.
    """
    labels = dict(zip(tracks, _labels(model, tracks), strict=True))
    predicted: dict[Track, list[Prediction]] = {}
    problems: list[str] = []
    for track in progress(tracks, words, console=Console(stderr=True)):
        try:
            predicted[track] = list(_listen(model, track, hop_s, distortion, longest_s))
        except AudioError as error:
            problems.append(str(error))
    if not predicted:
        raise UsageError(f"none of {len(tracks)} tracks can be scored; the first: {[*problems, 'none given'][0]}")
    chunks = [prediction for predictions in predicted.values() for prediction in predictions]
    return Scored(
        genres=model.card.labels,
        tracks=tuple(track.name for track in predicted),
        labels=np.array([labels[track] for track in predicted]),
        temperatures=np.full(len(predicted), model.card.temperature),
        sharpness=np.full(len(predicted), model.card.sharpness),
        track=np.repeat(np.arange(len(predicted)), [len(predictions) for predictions in predicted.values()]),
        start_s=np.array([prediction.start_s for prediction in chunks]),
        logits=np.stack([_logits(prediction, model) for prediction in chunks]),
        chunk_s=model.card.frontend.chunk_s,
        problems=tuple(problems),
    )


def _labels(model: Classifier, tracks: Sequence[Track]) -> list[int]:
    card = model.card
    if card.multi_label:
        raise UsageError(f"{card.name}: has tags, not genres, so it has no accuracy; give a model of genres")
    if strange := [track for track in tracks if track.genre not in card.labels]:
        raise UsageError(f"{strange[0].name}: {card.name} does not know {strange[0].genre}, only {card.labels}")
    return [card.labels.index(track.genre) for track in tracks]


def _listen(
    model: Classifier, track: Track, hop_s: float, distortion: Distortion | None, longest_s: float
) -> Iterator[Prediction]:
    if distortion is None and track.start_s is None:
        with model.stream(track.path, hop_s=hop_s) as stream:
            yield from itertools.takewhile(lambda prediction: prediction.start_s < longest_s, stream)
        return
    samples, sample_rate = decoded(track, longest_s)
    if distortion:
        seed = zlib.crc32(track.name.encode())  # one for all channels: identical ones stay identical
        samples = np.stack([distortion(one, sample_rate, np.random.default_rng(seed)) for one in samples])
    session = model.session(hop_s=hop_s)
    predictions = session.push(samples.T, sample_rate) + session.flush()
    if not predictions:
        raise AudioError(f"{track.path}: too short for a chunk")
    yield from predictions


def decoded(track: Track, longest_s: float = np.inf) -> tuple[np.ndarray, int]:
    """Return a track's samples as its file holds them, shape (n_channels, n_samples), and their rate in Hz.

    Args:
        track: A whole file, or a part of one.
        longest_s: Audio after this time is left out.

    Raises:
        AudioError: It cannot be decoded, is empty, or has no single format.
    """
    with AudioSource(track.path) as source:
        blocks = list(source)
    formats = {(len(block), sample_rate) for block, sample_rate in blocks}
    if len(formats) != 1:
        found = "its format changes on the way" if formats else "has no samples"
        raise AudioError(f"{track.path}: {found}; convert it, or leave it out")
    samples, sample_rate = np.concatenate([block for block, _ in blocks], axis=1), blocks[0][1]
    if not np.isfinite(samples).all():
        raise AudioError(f"{track.path}: a sample is NaN or infinite; decode or record it again")
    begin_s, whole_s = track.start_s or 0.0, samples.shape[1] / sample_rate
    length_s = whole_s if track.start_s is None or track.seconds is None else track.seconds
    end_s = min(begin_s + min(length_s, longest_s), whole_s)
    return samples[:, round(begin_s * sample_rate) : round(end_s * sample_rate)], sample_rate


def _logits(prediction: Prediction, model: Classifier) -> np.ndarray:
    """Undo the softmax: logits up to a constant, which does not change the softmax."""
    if prediction.kind != "music":
        return np.full(len(model.card.labels), np.nan)
    probs = np.array(list(prediction.probs.values()))
    return model.card.temperature * np.log(np.maximum(probs, np.finfo(float).tiny))
