"""Segments as CSV, JSON Lines or Audacity labels, written as they end."""

import csv
import json
from pathlib import Path
from typing import TextIO

from genrestream.errors import UsageError
from genrestream.files import writing
from genrestream.output.sink import Sink
from genrestream.output.text import cell
from genrestream.streaming.predictions import Prediction, Segment
from genrestream.streaming.segments import Segmenter
from genrestream.streaming.status import Event

SUFFIXES = (".csv", ".jsonl", ".txt")


def check_segments(path: str, n_sources: int = 1) -> None:
    """Check before any work that segments can be written there.

    Raises:
        UsageError: There is not exactly one source, or the suffix names no format.
    """
    if n_sources != 1:
        raise UsageError(f"--segments {path}: is written for one input, {n_sources} are given")
    if Path(path).suffix.lower() not in SUFFIXES:
        raise UsageError(f"--segments {path}: must end in .csv, .jsonl or .txt (Audacity labels)")


class SegmentFile(Sink):
    """Finds the segments of one stream and writes each when it ends.

    Args:
        path: The file; its suffix says the format.
        labels: The model's labels.

    Raises:
        OutputError: It cannot be written.
    """

    def __init__(self, path: str, labels: tuple[str, ...]):
        self._option, self._suffix = f"--segments {path}", Path(path).suffix.lower()
        self._segmenter = Segmenter(labels)
        with writing(self._option):
            self._file: TextIO = open(path, "w", encoding="utf-8", errors="backslashreplace", newline="")  # noqa: SIM115 - closed by close
            if self._suffix == ".csv":
                csv.writer(self._file).writerow(["start", "end", "genre", "confidence"])
                self._file.flush()

    def chunk(self, source: str, prediction: Prediction) -> None:
        """Take a chunk; write the segments that it ended."""
        self._write(self._segmenter.push(prediction))

    def event(self, source: str, event: Event) -> None:
        """End the segment where the input is lost: what comes after may be something else."""
        if event.state == "no input":
            self._write(self._segmenter.flush())

    def close(self) -> None:
        """Write the remaining segments, and close the file."""
        self._write(self._segmenter.flush())
        with writing(self._option):
            self._file.close()

    def _write(self, segments: list[Segment]) -> None:
        with writing(self._option):
            for segment in segments:
                self._write_one(segment)
            self._file.flush()

    def _write_one(self, segment: Segment) -> None:
        fields = segment.to_dict()
        if self._suffix == ".csv":
            csv.writer(self._file).writerow(map(cell, fields.values()))
        elif self._suffix == ".jsonl":
            self._file.write(json.dumps(fields, ensure_ascii=False) + "\n")
        else:
            start, end, genre, confidence = fields.values()
            self._file.write(f"{start:.3f}\t{end:.3f}\t{genre} {confidence:.2f}\n")
