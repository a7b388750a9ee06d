"""The picture of a stream: what is in it, and that it holds with any name, length and number of labels."""

import dataclasses
import re

import numpy as np
import pytest
from PIL import Image

from genrestream.errors import OutputError, UsageError
from genrestream.output.colours import colour
from genrestream.output.plot.drawing import MAX_ROWS, draw
from genrestream.output.plot.lettering import DEFAULT_FONT, cut_end, cut_start, families, width_in
from genrestream.output.plot.sink import Plot, check_plot, summary
from genrestream.output.plot.spectrogram import FRAME_S, Spectrogram
from genrestream.output.plot.spectrogram import MAX_COLUMNS as MAX_BANDS
from genrestream.output.plot.ticks import ticks
from genrestream.output.plot.timeline import MAX_COLUMNS, Timeline
from genrestream.streaming.predictions import Decision, Prediction, Segment, Verdict
from tests.conftest import music

LABELS = ("blues", "jazz", "metal", "rock")
SEGMENTS = (Segment(0, 9, "metal", 0.9), Segment(9, 15, "speech", 1.0), Segment(15, 30, "jazz", 0.8))


def decision(leader: str, labels=LABELS, **more) -> Decision:
    probs = {label: 0.9 if label == leader else 0.1 / len(labels) for label in labels}
    return Decision("music", (leader,), probs, dict.fromkeys(labels, 1), 3, "mean", **more)


def prediction(start_s: float, leader: str = "metal", labels=LABELS, level_db: float = -20.0) -> Prediction:
    running = decision(leader, labels)
    return Prediction(start_s, start_s + 3, 0.0, level_db, running.probs, (leader,), running)


def verdict(**more) -> Verdict:
    return dataclasses.replace(Verdict("a.ogg", "musicnn", decision("jazz"), 30.0, 0.0, 10, 0, 0.0), **more)


def timeline(n_chunks: int = 10) -> Timeline:
    found = Timeline()
    for number in range(n_chunks):
        found.add(prediction(3.0 * number, "metal" if number < n_chunks / 2 else "jazz"))
    return found


def heard(waveform: np.ndarray, rate: int = 16_000, n_piece: int = 5000) -> Spectrogram:
    found = Spectrogram()
    for start in range(0, len(waveform), n_piece):
        found.add(start / rate, waveform[start : start + n_piece], rate)
    return found


def words(path) -> list[str]:
    """Return the texts of an SVG, which matplotlib notes beside their outlines."""
    return re.findall("<!-- (.*?) -->", path.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize(("suffix", "begins"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".PDF", b"%PDF")])
@pytest.mark.parametrize("background", ["none", "level", "mel"])
def test_the_suffix_is_the_format(tmp_path, suffix, begins, background):
    path = tmp_path / f"picture{suffix}"
    draw(timeline(), "a.ogg", "jazz", SEGMENTS, str(path), heard(music(30)[0]) if background == "mel" else background)
    assert path.read_bytes().startswith(begins)


def test_names_are_in_the_blocks_and_beside_the_rows_of_genres_that_occur(tmp_path):
    draw(timeline(), "a.ogg", "mix", SEGMENTS, str(tmp_path / "a.svg"))
    found = words(tmp_path / "a.svg")
    assert (found.count("metal"), found.count("jazz"), found.count("speech")) == (2, 2, 1)
    assert not {"blues", "rock"} & {*found}
    assert "<pattern" in (tmp_path / "a.svg").read_text()  # speech is hatched


def test_blocks_have_the_genres_colours_in_order(tmp_path):
    draw(timeline(), "a.ogg", "mix", SEGMENTS, str(tmp_path / "a.png"))
    with Image.open(tmp_path / "a.png") as picture:
        pixels = np.asarray(picture.convert("RGB"))
    wide = {}
    for genre in ("metal", "jazz"):
        is_own = (pixels == tuple(bytes.fromhex(colour(genre)[1:]))).all(axis=-1)
        row = max(range(200), key=lambda y: is_own[y].sum())  # of the blocks, which are at the top
        wide[genre] = np.flatnonzero(is_own[row])
    assert wide["metal"].max() < wide["jazz"].min()
    assert len(wide["jazz"]) / len(wide["metal"]) == pytest.approx(15 / 9, rel=0.05)


def test_a_state_too_narrow_for_its_name_is_explained(tmp_path):
    segments = (Segment(0, 14.9, "metal", 1), Segment(14.9, 15, "noise", 1), Segment(15, 30, "jazz", 1))
    draw(timeline(), "a.ogg", "mix", segments, str(tmp_path / "a.svg"))
    assert "noise" in words(tmp_path / "a.svg")


@pytest.mark.parametrize(
    "name",
    ["Кино/Группа крови.flac", "日本語の歌.mp3", "$x_1$ \\frac{a}.ogg", "very long name " * 40 + ".wav", "a\x1b[31mb",
     "\U0001d49c.ogg"],
)  # fmt: skip
def test_any_name_has_room(tmp_path, name):
    draw(timeline(), name, name, SEGMENTS, str(tmp_path / "a.svg"))
    shown = name.replace("\x1b", "\\x1b")
    assert any(word == shown or (word[0] == "…" and shown.endswith(word[1:])) for word in words(tmp_path / "a.svg"))
    draw(timeline(), name, name, SEGMENTS, str(tmp_path / "a.png"))
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size[0] == 1500
        assert np.asarray(picture.convert("L"))[:, -10:].min() == 255  # nothing runs into the edge


def test_texts_are_cut_to_measure():
    path = "/music/" + 20 * "folder/" + "song.ogg"
    for cut, kept in ((cut_start(path, 10, "bold", 2), "song.ogg"), (cut_end(path, 10, "bold", 2), "/music/")):
        assert kept in cut
        assert 1.8 < width_in(cut, 10, "bold") <= 2
    assert cut_start("short", 10, "bold", 2) == cut_end("short", 10, "bold", 2) == "short"


def test_a_font_is_found_for_characters_that_the_default_lacks():
    assert families("Ωμέγα") == [DEFAULT_FONT]
    assert len(families("\U0001d49c")) == 2  # a script A: in the STIX fonts, which come with matplotlib


def test_many_tags_get_no_more_than_ten_rows(tmp_path):
    labels = tuple(f"tag{number}" for number in range(30))
    tags = Timeline()
    for number, label in enumerate(labels):
        tags.add(prediction(3.0 * number, label, labels))
    draw(tags, "a.ogg", "tags", (), str(tmp_path / "a.svg"))
    assert sum(word.startswith("tag") for word in words(tmp_path / "a.svg")) == MAX_ROWS + 1  # and the subtitle


def test_one_chunk_and_no_music_at_all_are_drawn(tmp_path):
    silent = Timeline()
    nothing = Decision("silence", (), dict.fromkeys(LABELS, 0.0), dict.fromkeys(LABELS, 0), 0, "mean")
    silent.add(Prediction(0.0, 3.0, 0.0, -120.0, {}, (), nothing, "silence"))
    draw(silent, "a.ogg", "silence", [Segment(0, 3, "silence", 1)], str(tmp_path / "a.svg"), "level")
    found = words(tmp_path / "a.svg")
    assert "0:03" in found
    assert found.count("silence") == 2
    assert not {*LABELS} & {*found}


def test_segments_that_were_not_kept_are_said_to_be_missing(tmp_path):
    draw(timeline(), "a.ogg", "jazz", SEGMENTS[2:], str(tmp_path / "a.svg"))
    assert any("not kept" in word for word in words(tmp_path / "a.svg"))


def test_a_day_takes_bounded_memory():
    day = Timeline()
    for second in range(20_000):
        day.add(prediction(float(second + 50_000 * (second >= 10_000)), level_db=-1.0 if second == 7777 else -20.0))
        assert len(day.columns) <= MAX_COLUMNS
    starts_s = np.array([column.start_s for column in day.columns])
    assert (starts_s[0], day.columns[-1].end_s) == (0, 70_002)
    assert len(day.columns) > MAX_COLUMNS / 8
    gap = np.diff(starts_s).argmax()
    assert day.columns[gap].end_s == pytest.approx(10_002, abs=50)  # the gap is still there
    assert starts_s[gap + 1] == pytest.approx(60_000, abs=50)
    assert max(column.level_db for column in day.columns) == -1  # and so is the loudest second
    assert day.n_led == {"metal": 20_000}


@pytest.mark.parametrize(
    ("end_s", "first", "last", "form"),
    [
        (0.5, "0:00", "0:00", "m:ss"),
        (3, "0:00", "0:03", "m:ss"),
        (30, "0:00", "0:30", "m:ss"),
        (185, "0:00", "3:00", "m:ss"),
        (3599, "0:00", "55:00", "m:ss"),
        (3900, "0:00", "1:05", "h:mm"),
        (86_400, "0:00", "24:00", "h:mm"),
        (10 * 86_400, "0:00", "240:00", "h:mm"),
        (400 * 86_400, "0:00", "8928:00", "h:mm"),
    ],
)
def test_ticks_are_times(end_s, first, last, form):
    places, said, found = ticks(0, end_s)
    assert (said[0], said[-1], found) == (first, last, form)
    assert len(places) == len(said) <= 14


def test_ticks_of_seconds_after_an_hour():
    _, said, form = ticks(3600, 3630)
    assert (said[0], said[-1], form) == ("1:00:00", "1:00:30", "h:mm:ss")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "jazz 0.90 · 0:30 · musicnn"),
        ({"final": dataclasses.replace(decision("jazz"), state="silence", genres=())}, "silence · 0:30 · musicnn"),
        (
            {"final": dataclasses.replace(decision("jazz"), state="unsure", genres=())},
            "unsure, jazz leads with 0.90 · 0:30 · musicnn",
        ),
        (
            {"final": dataclasses.replace(decision("jazz"), state="mix"), "seconds": {"metal": 18.0, "jazz": 12.0}},
            "mix · metal 0:18, jazz 0:12 · 0:30 in all · musicnn",
        ),
    ],
)
def test_the_summary(more, said):
    assert summary(verdict(**more)) == said


def test_a_run_that_broke_off_is_drawn_too(tmp_path):
    plot = Plot(str(tmp_path / "a.svg"))
    plot.chunk("radio", prediction(0.0))
    plot.error("radio", "radio: the server is gone")
    plot.close()
    assert {"radio", "radio: the server is gone"} <= {*words(tmp_path / "a.svg")}


def test_without_a_chunk_there_is_no_picture(tmp_path):
    plot = Plot(str(tmp_path / "a.png"))
    plot.error("a.ogg", "a.ogg: is not audio")
    plot.close()
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_said_at_once_or_in_one_line(tmp_path):
    with pytest.raises(UsageError, match=r"must end in \.png, \.svg or \.pdf"):
        check_plot(str(tmp_path / "a.gif"))
    with pytest.raises(UsageError, match="missing is missing or cannot be written"):
        check_plot(str(tmp_path / "missing" / "a.png"))
    (tmp_path / "a.png").mkdir()
    plot = Plot(str(tmp_path / "a.png"))
    plot.chunk("a.ogg", prediction(0.0))
    plot.verdict(verdict())
    with pytest.raises(OutputError, match=r"a\.png: cannot be written"):
        plot.close()


def test_the_spectrogram_shows_when_and_how_high(tmp_path):
    """A tone of 440 Hz, then one of 3 kHz and 20 dB less, then nothing."""
    time_s = np.arange(10 * 16_000) / 16_000
    tones = np.where(time_s < 5, np.sin(2 * np.pi * 440 * time_s), 0.1 * np.sin(2 * np.pi * 3000 * time_s))
    tones[8 * 16_000 :] = 0
    found = heard(tones.astype(np.float32))
    shares, bands_hz = found.shares(0, 10), found.bands_hz()
    assert len(shares) == pytest.approx(10 / FRAME_S, abs=1)
    for at_s, pitch_hz in ((2, 440), (7, 3000)):
        column = shares[round(at_s / FRAME_S)]
        assert bands_hz[column.argmax()] == pytest.approx(pitch_hz, rel=0.1)
    loudest = [shares[round(at_s / FRAME_S)].max() for at_s in (2, 7, 9)]
    assert loudest[0] - loudest[1] == pytest.approx(20 / 80, abs=0.05)
    assert loudest[2] == 0
    np.testing.assert_allclose(shares, heard(tones.astype(np.float32), n_piece=777).shares(0, 10), atol=1e-3)


def test_gaps_stay_empty_and_a_day_takes_bounded_memory():
    found, piece = Spectrogram(), music(3)[0]
    for number in range(24 * 60):
        if not 600 <= number < 1200:
            found.add(60.0 * number, piece, 16_000)
    shares = found.shares(0, 24 * 3600)
    assert MAX_BANDS / 2 <= len(shares) <= MAX_BANDS
    assert np.isnan(shares[round(620 * 60 / found.width_s) : round(1190 * 60 / found.width_s)]).all()
    assert np.nanmax(shares[: round(590 * 60 / found.width_s)]) > 0.3


@pytest.mark.parametrize("early_s", [0.0, 1e-12, 1e-9, 1e-3])
def test_a_frame_at_the_edge_of_what_is_kept_widens_the_columns(early_s):
    """Sums of times are a little less than they should be, which is a column more or less at an edge."""
    found = Spectrogram()
    found.add(MAX_BANDS * FRAME_S - early_s, music(0.1)[0], 16_000)
    assert np.isfinite(found.shares(0, (MAX_BANDS + 3) * FRAME_S)).any()
