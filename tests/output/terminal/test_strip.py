import pytest

from genrestream.output.terminal.console import ASCII, UNICODE
from genrestream.output.terminal.lines import width_of
from genrestream.output.terminal.strip import KEPT_S, Strip
from tests.output.terminal.made_up import answer, decision


def text(line):
    return "".join(piece for piece, _ in line)


def strip_of(*played, glyphs=UNICODE, has_colours=True):
    """Return a strip on which genres or states were on until these times."""
    strip = Strip(glyphs, has_colours)
    for until_s, name in played:
        state, running = ("music", decision(name)) if name in decision().probs else (name, decision())
        strip.until(until_s, state, answer(until_s, running))
    return strip


def test_genres_and_states_are_where_they_were():
    row, times = strip_of((60, "metal"), (90, "jazz"), (100, "silence"), (103, "no input")).rows(78)
    assert text(row) == " metal              " + " jazz     " + "···" + "×" + text(row)[34:]  # noqa: RUF001
    assert text(times).split() == ["0:00", "0:30", "1:00", "1:30"]
    assert text(times).index("1:00") == 20  # 3 s a cell


def test_a_stretch_without_room_has_the_first_letters():
    row, _ = strip_of((60, "metal"), (66, "jazz"), (90, "reggae")).rows(78)
    assert text(row)[20:].startswith("ja reggae ")


def test_an_answer_paints_back_to_where_the_music_began():
    strip = strip_of((60, "metal"), (64, "unsure"))
    strip.take(answer(66, decision("jazz", since_s=54.0)))
    row, _ = strip.rows(180)  # 1 s a cell
    assert text(row)[:54] == " metal".ljust(54)
    assert text(row)[54:66] == " jazz       "


def test_an_answer_leaves_silence_and_lost_input_as_they_were():
    strip = strip_of((10, "metal"), (20, "silence"), (24, "no input"))
    strip.take(answer(30, decision("jazz", since_s=5.0)))
    row, _ = strip.rows(180)
    assert text(row)[:30] == "metal" + "jazz " + "·" * 10 + "×" * 4 + " jazz "  # noqa: RUF001


def test_silence_is_painted_from_its_start():
    strip = strip_of((10, "metal"))
    strip.take(answer(10, decision("metal"), kind="silence"))
    assert text(strip.rows(180)[0])[:10] == " metal ···"


def test_memory_and_time_are_bounded():
    strip = strip_of((10, "metal"))
    strip.until(1e9, "silence", None)
    assert len(strip._marks) == KEPT_S
    row, times = strip.rows(78)
    assert text(row).startswith("· silence ··")
    assert text(times).split() == [f"277777:{minute}:00" for minute in range(43, 47)]


@pytest.mark.parametrize("width", [1, 18, 38, 58, 78, 118, 298, 2000])
@pytest.mark.parametrize("seconds", [0, 1, 200, 5000])
def test_it_is_never_wider_than_it_may_be(width, seconds):
    row, times = strip_of((seconds / 2, "metal"), (seconds, "noise")).rows(width)
    assert width_of(row) == width
    assert width_of(times) <= width


@pytest.mark.parametrize("width", [38, 58, 78, 118, 178])
def test_three_minutes_are_to_be_seen(width):
    row, _ = strip_of((100, "metal"), (260, "jazz")).rows(width)
    assert "met" in text(row)
    assert "jazz" in text(row)


def test_without_colours_neighbours_are_told_apart():
    row, _ = strip_of((60, "metal"), (90, "jazz"), (150, "metal"), has_colours=False).rows(78)
    assert [style for piece, style in row if piece.strip()] == ["", "reverse", ""]


def test_ascii():
    row, times = strip_of((60, "metal"), (90, "silence"), (130, "no input"), glyphs=ASCII).rows(78)
    assert text(row + times).isascii()
    assert "x no input x" in text(row)


def test_the_filter_takes_back_noise_that_was_none():
    strip = strip_of((60, "metal"), (63, "noise"))
    strip.take(answer(66, decision("metal", since_s=0.0)))
    assert text(strip.rows(180)[0])[:66] == " metal".ljust(66)


def test_speech_is_where_the_filter_says():
    strip = strip_of((60, "metal"))
    strip.take(answer(63, decision(state="speech", genres=(), since_s=50.0), kind="speech"))
    assert text(strip.rows(180)[0])[45:63] == "     " + '" speech """"'
