import csv
import json

import numpy as np
import pytest

from genrestream.output.segment_files import SegmentFile
from genrestream.streaming.predictions import Decision, Prediction
from genrestream.streaming.segments import Segmenter
from genrestream.voting.steps import OTHERS
from tests.conftest import METAL, command

LABELS = ("jazz", "metal", "rock")


def heard(start_s, genre, prob=0.9, length_s=3.0):
    """Make a chunk's prediction."""
    rest = (1 - prob) / (len(LABELS) - 1)
    probs = {label: prob if label == genre else rest for label in LABELS} if genre in LABELS else {}
    running = Decision("unsure", (), dict.fromkeys(LABELS, 0.0), dict.fromkeys(LABELS, 0), 0, "decay")
    kind = genre if genre in OTHERS else "music"
    return Prediction(start_s, start_s + length_s, 0.0, -20.0, probs, (), running, kind)


def segments_of(predictions):
    segmenter = Segmenter(LABELS)
    return [segment for prediction in predictions for segment in segmenter.push(prediction)] + segmenter.flush()


@pytest.mark.parametrize("hop_s", [0.5, 1.0, 3.0])
def test_changes_are_found_and_a_single_doubtful_chunk_is_not_one(hop_s):
    def genre(at_s):
        return "metal" if at_s < 60 else "jazz"

    places_s = np.arange(0, 120, hop_s)
    predictions = [heard(at_s, genre(at_s + 1.5)) for at_s in places_s]
    predictions[len(predictions) // 4] = heard(30, "rock", prob=0.6)
    found = segments_of(predictions)
    assert [segment.genre for segment in found] == ["metal", "jazz"]
    assert found[0].start_s == 0
    assert found[0].end_s == found[1].start_s == pytest.approx(60, abs=1.0)
    assert found[1].end_s == predictions[-1].end_s
    assert 0.7 < found[0].confidence <= 0.9


@pytest.mark.parametrize("other", OTHERS)
def test_what_is_no_music_is_a_segment_of_its_own(other):
    predictions = [heard(at_s, other if 30 <= at_s < 60 else "metal") for at_s in range(0, 90, 3)]
    assert [(s.start_s, s.end_s, s.genre) for s in segments_of(predictions)] == [
        (0, 30, "metal"), (30, 60, other), (60, 90, "metal"),
    ]  # fmt: skip


def test_an_hour_long_mix_takes_constant_memory():
    segmenter = Segmenter(LABELS)
    longest = 0
    for at_s in range(3600):
        segmenter.push(heard(at_s, LABELS[at_s // 240 % 3], prob=0.5))
        longest = max(longest, len(segmenter._waiting))
    assert longest < 120


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".txt"])
def test_files(tmp_path, suffix):
    path = tmp_path / f"segments{suffix}"
    file = SegmentFile(str(path), LABELS)
    for at_s in range(0, 120, 3):
        file.chunk("mix", heard(at_s, "metal" if at_s < 60 else "jazz"))
    assert "metal" in path.read_text(), "a segment is written when it ends, not at the end"
    file.close()
    text = path.read_text()
    if suffix == ".csv":
        rows = [list(row.values()) for row in csv.DictReader(text.splitlines())]
    elif suffix == ".jsonl":
        rows = [list(json.loads(line).values()) for line in text.splitlines()]
    else:
        rows = [[*line.split("\t")[:2], *line.split("\t")[2].split()] for line in text.splitlines()]
    assert [(float(start), float(end), genre) for start, end, genre, _ in rows] == [(0, 60, "metal"), (60, 120, "jazz")]
    assert all(0.8 < float(row[3]) <= 0.9 for row in rows)


@pytest.mark.parametrize(
    "start", [("file", METAL), ("listen", "--source", METAL, "--speed", "inf")], ids=["file", "listen"]
)
def test_the_commands_write_segments(tmp_path, start, model):
    done = command(*start, "--model", "musicnn", "--segments", tmp_path / "s.csv")
    assert done.returncode == 0, done.stderr
    (row,) = csv.DictReader((tmp_path / "s.csv").read_text().splitlines())
    assert row["genre"] == "metal"
    assert (float(row["start"]), float(row["end"])) == (0, pytest.approx(30, abs=1.1))


def test_several_files_have_no_segments_file(tmp_path):
    done = command("file", METAL, METAL, "--segments", tmp_path / "s.csv")
    assert done.returncode == 2
    assert "one input" in done.stderr
