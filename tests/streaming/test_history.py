import pytest

from genrestream.streaming.history import MAX_SEGMENTS, History
from tests.streaming.test_segments import LABELS, heard


def history_of(names, hop_s=3.0):
    history = History(LABELS)
    for number, name in enumerate(names):
        history.push(heard(hop_s * number, name))
    return history


def test_the_stretches_and_how_long_each_genre_lasted():
    ended = history_of(["metal"] * 20 + ["silence"] * 5 + ["jazz"] * 10).ended()
    assert [(one.start_s, one.end_s, one.genre) for one in ended.segments] == [
        (0, 60, "metal"), (60, 75, "silence"), (75, 105, "jazz"),
    ]  # fmt: skip
    assert ended.seconds == {"metal": 60, "jazz": 30, "silence": 15}
    assert list(ended.seconds) == ["metal", "jazz", "silence"]


@pytest.mark.parametrize(
    ("names", "mix"),
    [
        (["metal"] * 20, ()),
        (["metal"] * 20 + ["speech"] * 20, ()),
        (["metal"] * 20 + ["jazz"] * 3 + ["metal"] * 20, ()),  # 9 s
        (["jazz"] * 5 + ["metal"] * 20, ("metal", "jazz")),
        (["jazz"] * 20 + ["speech"] * 9 + ["metal"] * 10, ("jazz", "metal")),
    ],
    ids=["one genre", "speech is no genre", "too short", "two", "with speech between"],
)
def test_a_mix_has_two_genres_with_a_long_stretch_each(names, mix):
    assert history_of(names).ended().mix == mix


def test_stretches_that_are_not_clear_make_no_mix():
    history = History(LABELS)
    for number in range(20):
        history.push(heard(3 * number, "jazz" if number < 10 else "metal", prob=0.55))
    assert history.ended().mix == ()


def test_lost_input_is_a_stretch_and_ends_the_one_before():
    history = history_of(["metal"] * 4)
    history.skip(12, 5.0)
    for number in range(4):
        history.push(heard(17 + 3 * number, "metal"))
    assert [(one.start_s, one.end_s, one.genre) for one in history.ended().segments] == [
        (0, 12, "metal"), (12, 17, "no input"), (17, 29, "metal"),
    ]  # fmt: skip


def test_asking_changes_nothing():
    asked, other = History(LABELS), History(LABELS)
    for number in range(60):
        for history in (asked, other):
            history.push(heard(3 * number, LABELS[number // 20]))
        asked.ended()
    assert asked.ended().segments == other.ended().segments


def test_of_a_long_run_the_last_stretches_are_kept_and_all_seconds():
    history = History(LABELS)
    for number in range(MAX_SEGMENTS + 50):
        history.skip(10.0 * number, 10.0)
    assert len(history.ended().segments) == MAX_SEGMENTS
    assert history.ended().seconds == {"no input": 10.0 * (MAX_SEGMENTS + 50)}
