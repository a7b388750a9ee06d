"""The two stages of the pipeline, each with some files at a time: decode on CPUs, then infer, vote and write.

The files of a call become one Parquet file, named by a digest of their paths. A stage that is repeated because a
machine died writes the same file again.
"""

import contextlib
import dataclasses
import hashlib
import json
from typing import Any

import numpy as np

from genrestream.audio.chunks import Chunk
from genrestream.errors import AudioError
from genrestream.inference import checkpoint, shipped
from genrestream.inference.program import Program
from genrestream.library.cluster.places import local_copy, opened
from genrestream.library.table.names import from_text, to_text
from genrestream.library.table.parquet import write_rows
from genrestream.library.table.track import Found, from_dict
from genrestream.library.work.excerpt import Excerpt, row_of, window
from genrestream.library.work.identity import identify
from genrestream.library.work.settings import alone_on_one_core
from genrestream.streaming.config import StreamConfig
from genrestream.streaming.session import MeasuredChunk, Session

Batch = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class StageSettings:
    """The settings of both stages.

    Attributes:
        model: Name or folder of the model, the same on all machines.
        per_track: Seconds to classify of a file, from the middle; 0 for all.
        batch: Chunks in one call of the network; on CPUs 1 is fastest.
        output: The table: a folder, or an address that fsspec writes.
        run: Marks the files of this run; later ones sort after earlier ones.
        marks: Columns that are the same in all rows.
    """

    model: str
    per_track: float
    batch: int
    output: str
    run: str
    marks: dict[str, str]


class Decode:
    """Paths to chunks: a task on a CPU.

    Args:
        settings: The settings of both stages.
    """

    def __init__(self, settings: StageSettings):
        self._settings = settings

    def decoded(self, batch: Batch) -> Batch:
        """Return the chunks of each file, or why it has none."""
        card = checkpoint.read(shipped.find(self._settings.model)).card
        rows = zip(batch["path"], batch["size"], batch["mtime_ns"], strict=True)
        classified = [
            self._classified(Found(from_text(str(path)), int(size), int(ns)), card) for path, size, ns in rows
        ]
        return {
            **{name: batch[name] for name in ("path", "size", "mtime_ns")},
            "about": np.array([json.dumps(about) for about, _ in classified], object),
            "samples": np.array([samples for _, samples in classified], object),
        }

    def _classified(self, found: Found, card: Any) -> tuple[dict[str, Any], bytes]:
        about: dict[str, Any] = {"chunks": [], "problems": [], "error": ""}
        samples: list[bytes] = []
        try:
            with local_copy(found.path) as path:
                try:
                    about["audio_hash"], about["duration_s"] = identify(path)
                    session = Session(card, _no_network, StreamConfig())
                    on_disk = dataclasses.replace(found, path=path)
                    excerpt = Excerpt(on_disk, about["duration_s"], self._settings.per_track, session)
                    for one in excerpt:
                        samples.append((np.float32(one.gain) * one.chunk.waveform).tobytes())
                        about["chunks"].append(
                            (one.chunk.start, one.chunk.n_received, one.position, one.level_db, one.is_silent)
                        )
                    session.settle()
                    about["problems"], about["classified_s"] = excerpt.problems, session.position_s
                except AudioError as error:
                    raise AudioError(str(error).replace(path, found.path)) from error
        except AudioError as error:
            about["error"] = to_text(str(error))
        except Exception as error:  # a decoder's fault with one file must not end the pipeline
            about["error"] = to_text(f"{found.path}: failed ({type(error).__name__}: {error})")
        return about, b"" if about["error"] else b"".join(samples)


class Infer:
    """Chunks to rows in a Parquet file: an actor with one loaded model.

    Args:
        settings: The settings of both stages.
    """

    def __init__(self, settings: StageSettings):
        self._settings, model = settings, checkpoint.read(shipped.find(settings.model))
        self._card = model.card
        with alone_on_one_core() if settings.batch == 1 else contextlib.nullcontext():
            self._program = Program(model, (settings.batch, 1) if settings.batch > 1 else (1,))

    def __call__(self, batch: Batch) -> Batch:
        """Write the rows of some files; return how many they are and how many failed."""
        abouts = [json.loads(str(about)) for about in batch["about"]]
        n_samples = self._card.frontend.n_samples
        waveforms = [np.frombuffer(one, np.float32).reshape(-1, n_samples) for one in batch["samples"]]
        rows, start = [], 0
        logits = self._inferred(waveforms, abouts)
        for path, size, ns, about, chunks in zip(
            batch["path"], batch["size"], batch["mtime_ns"], abouts, waveforms, strict=True
        ):
            its_logits, start = logits[start : start + len(chunks)], start + len(chunks)
            fields = {"path": str(path), "size": int(size), "mtime_ns": int(ns), **self._settings.marks}
            fields |= {"audio_hash": about.get("audio_hash", ""), "duration_s": about.get("duration_s")}
            rows.append(fields | self._row(str(path), about, chunks, its_logits))
        self._write(rows)
        n_failed = sum(bool(row.get("error")) for row in rows)
        return {"n": np.array([len(rows)]), "n_failed": np.array([n_failed])}

    def _inferred(self, waveforms: list[np.ndarray], abouts: list[dict[str, Any]]) -> np.ndarray:
        """Return the logits of all chunks, shape (n_chunks, n_outputs), those of silent ones zero."""
        samples = np.concatenate(waveforms)
        sounds = np.array([not chunk[4] for about in abouts if not about["error"] for chunk in about["chunks"]], bool)
        places, n = np.flatnonzero(sounds), self._settings.batch
        logits = np.zeros((len(samples), self._card.n_outputs), np.float32)
        for first in range(0, len(places), n):
            some = places[first : first + n]
            chunks = np.zeros((n, samples.shape[1]), np.float32)
            chunks[: len(some)] = samples[some]
            logits[some] = self._program(chunks)[: len(some)]
        return logits

    def _row(self, path: str, about: dict[str, Any], chunks: np.ndarray, logits: np.ndarray) -> dict[str, Any]:
        if about["error"]:
            return {"error": about["error"]}
        sounding = iter(logits[[not chunk[4] for chunk in about["chunks"]]])
        session = Session(self._card, lambda _: next(sounding)[None], StreamConfig(), path)
        for (start, n_received, position, level_db, is_silent), waveform in zip(about["chunks"], chunks, strict=True):
            classified = MeasuredChunk(Chunk(start, n_received, waveform), position, level_db, 1.0, is_silent, ())
            session.decide(classified, session.infer(classified))
        try:
            part = window(about["duration_s"], self._settings.per_track)
            return row_of(session, tuple(about["problems"]), part, about["classified_s"])
        except AudioError as error:
            return {"error": str(error)}

    def _write(self, rows: list[dict[str, Any]]) -> None:
        digest = hashlib.blake2b("\n".join(row["path"] for row in rows).encode(), digest_size=8).hexdigest()
        name = f"{self._settings.run}-{digest}.parquet"
        filesystem, folder = opened(self._settings.output)
        part = f"{folder}/.{name}.part"
        with filesystem.open(part, "wb") as file:
            write_rows(file, ({**from_dict(row).to_dict(), "path": row["path"]} for row in rows))
        filesystem.mv(part, f"{folder}/{name}")


def as_item(found: Found) -> dict[str, Any]:
    """Return a file as a row of the pipeline's input."""
    return {"path": to_text(found.path), "size": found.size, "mtime_ns": found.mtime_ns}


def _no_network(_: np.ndarray) -> np.ndarray:
    raise AssertionError("this stage has no network")
