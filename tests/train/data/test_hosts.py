"""Tracks assigned to hosts; what two real processes make of them is in tests/train/loop/test_run.py."""

from collections import Counter
from pathlib import Path

import pytest

from genrestream.errors import CheckpointError, UsageError
from train.data.hosts import all_gathered, assigned, is_here, together
from train.data.load import check_assigned
from train.data.splits import Split
from train.data.tracks import Track


def tracks(**n_of):
    return [Track(f"{genre}{n}", Path(f"{genre}{n}"), genre) for genre, many in n_of.items() for n in range(many)]


@pytest.mark.parametrize("n_hosts", [2, 3])
def test_each_genre_is_assigned_evenly_in_the_order_of_the_tracks(n_hosts):
    plain = tracks(rock=7, jazz=5)[::-1]
    given = assigned(plain, n_hosts)
    assert [track.name for track in given] == [track.name for track in plain]
    for genre in ("rock", "jazz"):
        counts = Counter(track.host for track in given if track.genre == genre)
        assert set(counts) == set(range(n_hosts))
        assert max(counts.values()) - min(counts.values()) <= 1


def test_a_host_has_its_own_tracks_and_those_of_all():
    """This process is host 0 of one."""
    plain = tracks(rock=4)
    assert all(map(is_here, plain))
    assert [track.name for track in filter(is_here, assigned(plain, 2))] == ["rock0", "rock2"]


def test_each_host_needs_each_genre():
    given = list(assigned(tracks(jazz=2, rock=4), 3))
    with pytest.raises(UsageError, match="genre jazz has tracks to train on for 2 of 3 processes; use fewer"):
        check_assigned(Split(given, [], [], ("jazz", "rock")), 3)
    check_assigned(Split(list(assigned(given, 2)), [], [], ("jazz", "rock")), 2)


def test_a_process_alone_has_its_own_failures():
    with pytest.raises(CheckpointError, match=r"^damaged$"), together():
        raise CheckpointError("damaged")
    with together():
        assert all_gathered({"one": [1]}) == [{"one": [1]}]
