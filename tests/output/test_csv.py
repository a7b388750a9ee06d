import csv
import io

import pytest

from genrestream.output.records import Csv
from genrestream.output.segment_files import SegmentFile
from genrestream.output.text import cell
from genrestream.streaming.predictions import Decision, Prediction


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1"])
def test_text_that_begins_like_a_formula_is_marked(text):
    assert cell(text).startswith("'")


@pytest.mark.parametrize("text", ["song.wav", "a=b", "Motörhead “Ace” 日本", " x", "", "-", "'quoted"])
def test_other_text_stays(text):
    assert cell(text) == text


def test_control_characters_are_escaped_and_numbers_stay():
    assert cell("a\x1b[2Jb\x07\n\x9b") == "a\\x1b[2Jb\\x07\\n\\x9b"
    assert (cell(-1.5), cell(None), cell(0)) == (-1.5, None, 0)


def test_no_row_holds_a_formula_or_a_control_code(tmp_path):
    file, label, source = io.StringIO(), "=cmd", "=HYPERLINK(1)\x1b[31m.wav"
    running = Decision("music", (label,), {label: 0.9, "b": 0.1}, {label: 1, "b": 0}, 1, "mean")
    prediction = Prediction(0.0, 3.0, 0.0, -12.0, {label: 0.9, "b": 0.1}, (label,), running)
    rows = Csv(file, (label, "b"))
    rows.chunk(source, prediction)
    rows.error(source, f"{source}: is empty")
    segments = SegmentFile(str(tmp_path / "s.csv"), (label, "b"))
    segments.chunk(source, prediction)
    segments.close()
    for text in (file.getvalue(), (tmp_path / "s.csv").read_text()):
        found = [value for row in csv.reader(text.splitlines()) for value in row]
        assert "'=cmd" in found
        assert not [value for value in found if value.startswith(("=", "@", "+")) or "\x1b" in value]
        assert [value for value in found if value.startswith("-")] in ([], ["-12.0"])
