import pytest

from genrestream.output.text import clock, printable


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00.0"), (59.98, "1:00.0"), (61.26, "1:01.3"), (3600, "1:00:00"), (360_000, "100:00:00")],
)
def test_clock(seconds, shown):
    assert clock(seconds) == shown


def test_control_characters_are_shown_not_obeyed():
    assert printable("a\x1b[2Jb\n\u202ec") == "a\\x1b[2Jb\\n\\u202ec"
    assert printable("Motörhead “Ace” 日本") == "Motörhead “Ace” 日本"
