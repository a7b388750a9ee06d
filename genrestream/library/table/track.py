"""A row of the table: one file."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from genrestream.library.table.values import check
from genrestream.streaming.predictions import Verdict

ANSWER = ("music", "mix")  # the states that name genres


@dataclasses.dataclass(frozen=True)
class Found:
    """A file on the disk.

    Attributes:
        path: Its absolute path.
        size: Its size in bytes.
        mtime_ns: Its modification time, in nanoseconds since 1970.
    """

    path: str
    size: int
    mtime_ns: int


@dataclasses.dataclass(frozen=True)
class Track:
    """A file and what was classified of it.

    Attributes:
        path: Its absolute path.
        size: Its size in bytes when it was classified.
        mtime_ns: Its modification time then, in nanoseconds since 1970.
        audio_hash: BLAKE2b of the packets of its audio stream, 32 hexadecimal digits; tags do not change it.
        duration_s: Its length in seconds.
        classified_s: Seconds that were classified.
        genre: The answer in words: genres, or ``unsure``, ``silence``, ``speech``, ``noise``.
        probability: Of the leading genre, 0 to 1.
        state: ``music``, ``mix``, ``unsure``, ``silence``, ``speech``, ``noise``; empty where it failed.
        genres: The named genres, the most probable or longest first.
        probs: The probability of each label, 0 to 1.
        votes: How many chunks chose each label, those with none left out.
        n_votes: How many chunks voted.
        silence: Share of the chunks that are silent, 0 to 1.
        no_music: Share of the chunks that are speech or noise, 0 to 1.
        segments: Stretches of one genre: ``start``, ``end`` in seconds of the file, ``genre``, ``confidence``.
        model: The model's name.
        model_version: The first 12 digits of its weights' digest.
        version: The version of genrestream.
        problems: What of the file was damaged, in words; empty where all was well.
        error: Why it could not be classified; empty where it was.
        missing: Whether the file was gone at the last scan.
    """

    path: str
    size: int
    mtime_ns: int
    audio_hash: str = ""
    duration_s: float | None = None
    classified_s: float = 0.0
    genre: str = ""
    probability: float | None = None
    state: str = ""
    genres: tuple[str, ...] = ()
    probs: Mapping[str, float] = dataclasses.field(default_factory=dict)
    votes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    n_votes: int = 0
    silence: float | None = None
    no_music: float | None = None
    segments: tuple[Mapping[str, Any], ...] = ()
    model: str = ""
    model_version: str = ""
    version: str = ""
    problems: str = ""
    error: str = ""
    missing: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, ready for JSON."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return fields | {"genres": list(self.genres), "segments": list(self.segments)}

    @property
    def named(self) -> dict[str, float]:
        """The named genres with their probabilities; none where it failed or the answer is no genre."""
        return {genre: self.probs.get(genre, 0.0) for genre in self.genres} if self.state in ANSWER else {}


COLUMNS = tuple(field.name for field in dataclasses.fields(Track))
JSON_COLUMNS = ("genres", "probs", "votes", "segments")
# These describe the file and not its audio: all others are the same for a copy.
OF_FILE = ("path", "size", "mtime_ns", "missing")


def from_dict(fields: Mapping[str, Any]) -> Track:
    """Return the row that ``to_dict`` made; missing fields get their defaults, unknown ones are ignored.

    Raises:
        TypeError: A field has a value that it cannot have, or path, size or mtime_ns is missing.
    """
    known = {name: value for name, value in fields.items() if name in COLUMNS and value is not None}
    check(known)
    if lacking := [name for name in OF_FILE[:3] if name not in known]:
        raise TypeError(f"a row has no {lacking[0]}")
    for name in ("genres", "segments"):
        known[name] = tuple(known.get(name, ()))
    return Track(**known)


def to_json(value: Any) -> str:
    """Return a value of one of the ``JSON_COLUMNS`` as text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def classified_track(verdict: Verdict, start_s: float) -> dict[str, Any]:
    """Return what a verdict says of a file, as fields of its row.

    Args:
        verdict: On the part of it that was classified.
        start_s: Where that part begins, in seconds.
    """
    final, n = verdict.final, max(1, verdict.n_chunks)
    answer = final.to_dict()
    segments = [segment.to_dict() for segment in verdict.segments]
    for segment in segments:
        segment["start"], segment["end"] = (round(segment[name] + start_s, 3) for name in ("start", "end"))
    return {
        "genre": final.genre,
        "probability": round(final.probability, 6) if final.n_votes else None,
        "state": final.state,
        "genres": answer["genres"],
        "probs": answer["probs"] if final.n_votes else {},
        "votes": answer["votes"],
        "n_votes": final.n_votes,
        "silence": round(verdict.n_silent / n, 4),
        "no_music": round((verdict.n_speech + verdict.n_noise) / n, 4),
        "segments": segments,
        "problems": "; ".join(verdict.problems),
    }
