import pytest

from genrestream.output.terminal.big_letters import FONT, drawn, n_rows


def test_every_letter_has_five_rows_of_one_width():
    for char, glyph in FONT.items():
        rows = glyph.split()
        assert len(rows) == 5, char
        assert len({len(row) for row in rows}) == 1, char
    assert len(set(FONT.values())) == len(FONT) - 3  # O is drawn as 0, S as 5, › as >


def test_a_word():
    assert drawn("Pop", 80, 3, is_ascii=False) is None  # needs a fourth row
    assert drawn("Pop", 80, 4, is_ascii=False) == ["▄▄▄ ▄▄▄ ▄▄▄", "█▄█ █ █ █▄█", "█   █▄█ █  ", "           "]
    assert drawn("pop", 11, 5, is_ascii=True) == [
        "### ### ###", "# # # # # #", "### # # ###", "#   # # #  ", "#   ### #  ",
    ]  # fmt: skip


@pytest.mark.parametrize("is_ascii", [True, False])
@pytest.mark.parametrize("room", range(1, 12))
@pytest.mark.parametrize("width", [5, 40, 80, 200])
def test_it_fits(is_ascii, room, width):
    rows = drawn("classical", width, room, is_ascii)
    if rows is not None:
        assert len(rows) <= n_rows(room, is_ascii) <= room
        assert len({len(row) for row in rows}) == 1
        assert len(rows[0]) <= width


def test_what_cannot_be_drawn_is_left_to_plain_text():
    assert drawn("日本", 200, 9, is_ascii=False) is None
    assert drawn("", 200, 9, is_ascii=False) is None
