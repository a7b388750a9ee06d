import csv
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrestream.output.segment_files import SegmentFile
from genrestream.streaming.predictions import Decision, Prediction
from genrestream.streaming.segments import OTHERS, ForwardFilter, OnlineViterbi, Segmenter
from tests.conftest import METAL, command

LABELS = ("jazz", "metal", "rock")


def heard(start_s, genre, prob=0.9, length_s=3.0):
    """Make a chunk's prediction."""
    rest = (1 - prob) / (len(LABELS) - 1)
    probs = {label: prob if label == genre else rest for label in LABELS} if genre in LABELS else {}
    running = Decision("unsure", (), dict.fromkeys(LABELS, 0.0), dict.fromkeys(LABELS, 0), 0, "decay")
    kind = genre if genre in OTHERS else "music"
    return Prediction(start_s, start_s + length_s, 0.0, -20.0, probs, (), running, kind)


def segments_of(predictions, is_live, **options):
    segmenter = Segmenter(LABELS, is_live, **options)
    return [segment for prediction in predictions for segment in segmenter.push(prediction)] + segmenter.flush()


def whole_viterbi(seen, stay):
    n_steps, n_states = seen.shape
    change = np.full((n_states, n_states), np.log((1 - stay) / (n_states - 1)))
    np.fill_diagonal(change, np.log(stay))
    scores, came_from = seen[0], np.zeros((n_steps, n_states), int)
    for step in range(1, n_steps):
        candidates = scores[:, None] + change
        came_from[step] = candidates.argmax(axis=0)
        scores = candidates.max(axis=0) + seen[step]
    path = [int(scores.argmax())]
    for step in range(n_steps - 1, 0, -1):
        path.append(int(came_from[step][path[-1]]))
    return path[::-1]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 80), st.sampled_from([0.6, 0.9, 0.99]))
def test_the_online_path_is_the_whole_path(seed, n_steps, stay):
    seen = np.random.default_rng(seed).normal(size=(n_steps, 4))
    viterbi = OnlineViterbi(4)
    path = [state for step in seen for state in viterbi.push(step, stay)] + viterbi.flush()
    assert path == whole_viterbi(seen, stay)


def test_the_path_stays_bounded_where_candidates_never_agree():
    viterbi = OnlineViterbi(3, max_undecided=50)
    decided = [state for _ in range(10_000) for state in viterbi.push(np.zeros(3), 0.999)]
    assert len(viterbi._came_from) <= 51
    assert len(decided) >= 9_900


def test_the_forward_filter_decides_each_step_and_changes_late():
    forward = ForwardFilter(2)
    steps = [0] * 10 + [1] * 10
    seen = np.log(np.where(np.eye(2)[steps], 0.8, 0.2))
    path = [state for step in seen for state in forward.push(step, 0.95)]
    assert len(path) == len(steps)
    assert path[:10] == [0] * 10
    assert path[-7:] == [1] * 7
    assert path[10] == 0


@pytest.mark.parametrize(("is_live", "tolerance_s"), [(True, 8.0), (False, 1.0)])
@pytest.mark.parametrize("hop_s", [0.5, 1.0, 3.0])
def test_changes_are_found_and_a_single_doubtful_chunk_is_not_one(is_live, tolerance_s, hop_s):
    def genre(at_s):
        return "metal" if at_s < 60 else "jazz"

    places_s = np.arange(0, 120, hop_s)
    predictions = [heard(at_s, genre(at_s + 1.5)) for at_s in places_s]
    predictions[len(predictions) // 4] = heard(30, "rock", prob=0.6)
    found = segments_of(predictions, is_live)
    assert [segment.genre for segment in found] == ["metal", "jazz"]
    assert found[0].start_s == 0
    assert found[0].end_s == found[1].start_s == pytest.approx(60, abs=tolerance_s)
    assert found[1].end_s == predictions[-1].end_s
    assert 0.7 < found[0].confidence <= 0.9


@pytest.mark.parametrize("other", OTHERS)
def test_what_is_no_music_is_a_segment_of_its_own(other):
    predictions = [heard(at_s, other if 30 <= at_s < 60 else "metal") for at_s in range(0, 90, 3)]
    assert [(s.start_s, s.end_s, s.genre) for s in segments_of(predictions, False)] == [
        (0, 30, "metal"), (30, 60, other), (60, 90, "metal"),
    ]  # fmt: skip


def test_an_hour_long_mix_takes_constant_memory():
    segmenter = Segmenter(LABELS, is_live=False)
    longest = 0
    for at_s in range(3600):
        segmenter.push(heard(at_s, LABELS[at_s // 240 % 3], prob=0.5))
        longest = max(longest, len(segmenter._waiting))
    assert longest < 120


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".txt"])
def test_files(tmp_path, suffix):
    path = tmp_path / f"segments{suffix}"
    file = SegmentFile(str(path), LABELS, is_live=False)
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
