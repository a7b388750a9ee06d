"""A model's logits for the chunks of labelled tracks: the input of calibration, evaluation and the report.

``train.evaluation.scoring`` makes it. The vote is ``genrestream.voting.vote``: a track's score is the final vote of
its stream; its state and the least probability are not applied.
"""

import dataclasses
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genrestream.errors import UsageError
from genrestream.files import writing
from genrestream.voting.probabilities import probabilities
from genrestream.voting.vote import Rule, Vote

_EPSILON_S = 1e-6


@dataclasses.dataclass(frozen=True, eq=False)
class Scored:
    """The chunks of labelled tracks, in the order of the stream, track after track.

    Attributes:
        genres: The classes, in the order of the logits.
        tracks: The tracks' names.
        labels: Each track's genre as an index, shape (n_tracks,).
        temperatures: Temperature of the model that scored each track, shape (n_tracks,).
        sharpness: Sharpness of its votes, shape (n_tracks,).
        track: Each chunk's track as an index, shape (n_chunks,).
        start_s: Where each chunk starts in its track, shape (n_chunks,).
        logits: Shape (n_chunks, n_classes), each row up to a constant; NaN where the chunk is not music.
        chunk_s: Length of a chunk in seconds.
        problems: Tracks that could not be decoded, one line each.
    """

    genres: tuple[str, ...]
    tracks: tuple[str, ...]
    labels: np.ndarray
    temperatures: np.ndarray
    sharpness: np.ndarray
    track: np.ndarray
    start_s: np.ndarray
    logits: np.ndarray
    chunk_s: float
    problems: tuple[str, ...] = ()

    def chunk_probs(self) -> np.ndarray:
        """Return each chunk's own calibrated probabilities, shape (n_chunks, n_classes); NaN where it is not music."""
        return probabilities(self.logits / self.temperatures[self.track][:, None], 1.0, multi_label=False)

    def running(self, rule: Rule = "mean", half_life_s: float = 15.0) -> np.ndarray:
        """Return the vote after each chunk, shape (n_chunks, n_classes); zeros before the first chunk with sound."""
        votes = np.empty_like(self.logits)
        vote, current = Vote(len(self.genres)), -1
        for number, chunk in enumerate(self.chunk_probs()):
            if self.track[number] != current:
                current = int(self.track[number])
                vote = Vote(len(self.genres), rule, half_life_s, float(self.sharpness[current]))
            if not np.isnan(chunk[0]):
                start_s = self.start_s[number]
                vote.add("music", chunk, np.arange(len(chunk)) == chunk.argmax(), start_s, start_s + self.chunk_s)
            votes[number] = vote.probs
        return votes

    def n_votes(self) -> np.ndarray:
        """Return how many chunks of its track have voted after each chunk, shape (n_chunks,)."""
        voted = np.cumsum(~np.isnan(self.logits[:, 0]))
        firsts = np.searchsorted(self.track, self.track)
        return voted - np.concatenate([[0], voted])[firsts]

    def track_probs(self, rule: Rule = "mean", until_s: float = np.inf) -> np.ndarray:
        """Return each track's vote at its end, or after so many seconds, shape (n_tracks, n_classes)."""
        return self.running(rule)[self.last_chunks(until_s)]

    def last_chunks(self, until_s: float = np.inf) -> np.ndarray:
        """Return the index of the last chunk that ends within so many seconds, else of the first; (n_tracks,)."""
        ended = self.start_s + self.chunk_s <= until_s + _EPSILON_S
        return self.chunk_numbered(np.bincount(self.track, ended, len(self.tracks)).astype(int))

    def chunk_numbered(self, number: int | np.ndarray) -> np.ndarray:
        """Return the index of each track's chunk of that number, from 1, or of its last or first; (n_tracks,)."""
        counts = np.bincount(self.track, minlength=len(self.tracks))
        return np.cumsum(counts) - counts + np.clip(number, 1, counts) - 1

    def calibrated(self, temperature: float | np.ndarray, sharpness: float | np.ndarray = 0.0) -> "Scored":
        """Return the same scores calibrated otherwise, with one value for all tracks or one each, shape (n_tracks,)."""
        temperatures, sharp = (
            np.broadcast_to(value, len(self.tracks)).astype(float) for value in (temperature, sharpness)
        )
        return dataclasses.replace(self, temperatures=temperatures, sharpness=sharp)

    def lengths_s(self) -> np.ndarray:
        """Return how many seconds of each track its chunks span, the last one's padding included; (n_tracks,)."""
        return self.start_s[self.last_chunks()] + self.chunk_s

    def select(self, names: Iterable[str]) -> "Scored":
        """Return the scores of some tracks, in their own order.

        Raises:
            UsageError: A track is not there.
        """
        places = {name: place for place, name in enumerate(self.tracks)}
        names = tuple(names)
        if missing := [name for name in names if name not in places]:
            raise UsageError(f"{missing[0]}: was not scored; {len(missing)} of {len(names)} tracks are missing")
        chosen = np.array([places[name] for name in names], int)
        chunks = [np.flatnonzero(self.track == place) for place in chosen]
        return dataclasses.replace(
            self,
            tracks=names,
            labels=self.labels[chosen],
            temperatures=self.temperatures[chosen],
            sharpness=self.sharpness[chosen],
            track=np.repeat(np.arange(len(chosen)), [len(places) for places in chunks]),
            start_s=self.start_s[np.concatenate(chunks)],
            logits=self.logits[np.concatenate(chunks)],
        )


def joined(parts: Sequence[Scored]) -> Scored:
    """Return the union of scores of different tracks, such as of five folds.

    Raises:
        UsageError: The parts differ in their genres or chunks, or a track is in two of them.
    """
    first = parts[0]
    tracks = [name for part in parts for name in part.tracks]
    if len(set(tracks)) < len(tracks):
        twice = next(name for name in tracks if tracks.count(name) > 1)
        raise UsageError(f"{twice}: is held out by two folds; a track is scored once, by one model")
    if any((part.genres, part.chunk_s) != (first.genres, first.chunk_s) for part in parts):
        raise UsageError("folds with different genres or chunk lengths cannot be joined; train them the same way")
    shifts = np.cumsum([0, *(len(part.tracks) for part in parts)])
    return Scored(
        first.genres,
        tuple(tracks),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.temperatures for part in parts]),
        np.concatenate([part.sharpness for part in parts]),
        np.concatenate([part.track + shift for part, shift in zip(parts, shifts, strict=False)]),
        np.concatenate([part.start_s for part in parts]),
        np.concatenate([part.logits for part in parts]),
        first.chunk_s,
        tuple(problem for part in parts for problem in part.problems),
    )


def save(scored: Scored, file: Path, key: str = "") -> None:
    """Write scores as an npz without pickles, with a key that says what was scored with what.

    Raises:
        OutputError: It cannot be written.
    """
    arrays: dict[str, Any] = {name: np.array(value) for name, value in vars(scored).items()}
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(file, key=np.array(key), **arrays)


def load(file: Path, key: str = "") -> Scored | None:
    """Return the scores in a file, or None where there is none, it cannot be read, or it was made with another key."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            if str(arrays["key"]) != key:
                return None
            fields: dict[str, Any] = {field.name: arrays[field.name] for field in dataclasses.fields(Scored)}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    fields |= {name: tuple(map(str, fields[name])) for name in ("genres", "tracks", "problems")}
    fields["chunk_s"] = float(fields["chunk_s"])
    return Scored(**fields)
