import pytest

from genrestream.output.terminal.bars import Bars
from genrestream.output.terminal.console import ASCII, UNICODE
from genrestream.output.terminal.lines import width_of
from tests.output.terminal.made_up import GENRES, decision

TAGS = tuple(f"tag {number:02}" for number in range(50))


def text(line):
    return "".join(piece for piece, _ in line)


def names(rows):
    return [text(row)[1:].split("  ")[0].split(" ▎")[0].split(" █")[0].split(" ▌")[0].rstrip() for row in rows]


def test_the_order_is_the_models():
    for genre in GENRES:
        rows = Bars(UNICODE).rows(decision(genre), 80, 10)
        assert names(rows) == list(GENRES)


def test_a_bar_is_as_long_as_its_probability():
    rows = Bars(ASCII).rows(decision("metal", 0.5), 80, 10)
    lengths = {name: text(row).count("#") for name, row in zip(GENRES, rows, strict=True)}
    assert 2 * lengths["metal"] == pytest.approx(
        sum(text(row).count("#") + text(row)[11:-10].count(" ") for row in rows[:1]), abs=2
    )
    assert lengths["metal"] > 8 * lengths["rock"]
    assert text(rows[6]).endswith("0.50  7/8  ")


def test_where_not_all_fit_a_label_stays_until_another_is_clearly_more_probable():
    bars = Bars(UNICODE)
    first = names(bars.rows(decision("tag 30", 0.5, TAGS), 40, 5))
    assert len(first) == 5
    assert "tag 30" in first
    probs = decision("tag 30", 0.5, TAGS).probs
    assert names(bars.rows(decision("tag 30", labels=TAGS, probs=probs | {"tag 45": 0.04}), 40, 5)) == first
    after = names(bars.rows(decision("tag 30", labels=TAGS, probs=probs | {"tag 45": 0.2}), 40, 5))
    changed = [place for place in range(5) if first[place] != after[place]]
    assert len(changed) == 1
    assert after[changed[0]] == "tag 45"


@pytest.mark.parametrize("labels", [GENRES, TAGS, ("one",), ("日本語" * 10, "x")])
@pytest.mark.parametrize(("width", "height"), [(40, 1), (60, 5), (80, 10), (120, 23), (300, 80), (8, 3)])
def test_they_fit(labels, width, height):
    rows = Bars(UNICODE).rows(decision(labels[0], 0.999, labels), width, height)
    assert len(rows) <= height
    assert width < 20 or max(map(width_of, rows)) <= width


def test_the_height_is_used():
    assert len(Bars(UNICODE).rows(decision(), 80, 33)) == 30
    assert len(Bars(UNICODE).rows(decision(), 60, 5)) == 5  # in two columns


def test_a_past_answer_has_no_colours():
    styles = {style for row in Bars(UNICODE).rows(decision(), 80, 10, is_dim=True) for _, style in row}
    assert styles == {"dim"}
