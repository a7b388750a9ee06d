import numpy as np
import pytest

from genrestream.errors import UsageError
from train.study.classical.protocols import ProtocolConfig, divisions
from train.tabular.table import Table

GENRES = ("blues", "rock")


def made_table(n_tracks: int = 12, n_chunks: int = 4) -> Table:
    """Rows of two genres whose mean differs, some chunks a track."""
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(2), n_tracks * n_chunks)
    tracks = np.repeat([f"{genre}.{n:05d}" for genre in GENRES for n in range(n_tracks)], n_chunks)
    values = rng.normal(size=(len(label), 5)) + 2 * label[:, None]
    return Table(tuple("abcde"), values, label, tracks, GENRES)


def shared_tracks(table: Table, a: np.ndarray, b: np.ndarray) -> set[str]:
    return set(table.tracks[a]) & set(table.tracks[b])


@pytest.mark.parametrize("protocol", ["k-fold", "songs"])
def test_a_track_is_on_one_side(protocol):
    table = made_table()
    for division in divisions(table, ProtocolConfig(protocol, n_repeats=5)):
        assert not shared_tracks(table, division.train, division.test)
        for fit, held in division.inner:
            assert not shared_tracks(table, fit, held)
            assert not set(held) & set(division.test)
            assert set(fit) | set(held) == set(division.train)


def test_random_rows_leak():
    table = made_table()
    assert all(shared_tracks(table, one.train, one.test) for one in divisions(table, ProtocolConfig("random")))


def test_songs_holds_out_so_many_of_each_genre():
    table = made_table()
    divided = divisions(table, ProtocolConfig("songs", n_songs=3, n_repeats=30))
    assert len(divided) == 30
    for division in divided:
        drawn = np.unique(table.tracks[division.test])
        assert [sum(name.startswith(genre) for name in drawn) for genre in GENRES] == [3, 3]
    assert len({tuple(division.test) for division in divided}) > 20


@pytest.fixture
def lists(tmp_path):
    for at, part in enumerate(("train", "validation", "test")):
        names = [f"{genre}.{4 * at + n:05d}" for genre in GENRES for n in range(4)]
        (tmp_path / f"fault_filtered_{part}.txt").write_text("\n".join(names))
    return tmp_path


def test_fault_filtered_follows_the_lists(lists):
    table = made_table()
    (division,) = divisions(table, ProtocolConfig("fault-filtered", lists=lists))
    ((fit, held),) = division.inner
    assert (len(fit), len(held), len(division.test)) == (32, 32, 32)
    assert set(division.train) == set(fit) | set(held)
    assert set(division.on_validation().test) == set(held)
    assert set(division.on_validation().train) == set(fit)


def test_the_published_lists_come_along():
    names = [f"{genre}.{n:05d}" for genre in GENRES for n in range(100)]
    table = Table(("a",), np.zeros((200, 1)), np.repeat([0, 1], 100), np.array(names), GENRES)
    (division,) = divisions(table, ProtocolConfig("fault-filtered"))
    assert len(division.test) == 31 + 32


def test_a_genre_with_one_track_is_named():
    table = made_table()
    table = table.rows((table.labels == 0) | (table.tracks == "rock.00000"))
    with pytest.raises(UsageError, match="genre rock has 1 track, this needs at least 5"):
        divisions(table, ProtocolConfig("k-fold"))


def test_a_missing_list_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"fault_filtered_train.txt: cannot be read .*--lists"):
        divisions(made_table(), ProtocolConfig("fault-filtered", lists=tmp_path))
