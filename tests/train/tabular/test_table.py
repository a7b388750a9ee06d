import csv
import pickle
from typing import Any

import numpy as np
import pytest

from genrestream.errors import UsageError
from genrestream.features.tabular.columns import COLUMNS
from train.tabular.table import read_table, save_table, track_of

NAMES = ["blues.00000.0.wav", "blues.00000.1.wav", "rock.00001.0.wav"]
GENRES = ["blues", "blues", "rock"]


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3, len(COLUMNS)))


@pytest.mark.parametrize("suffix", [".csv", ".npz"])
def test_what_was_written_is_read(tmp_path, values, suffix):
    save_table(tmp_path / f"table{suffix}", COLUMNS, values, NAMES, GENRES)
    table = read_table(tmp_path / f"table{suffix}")
    np.testing.assert_allclose(table.values, values, rtol=1e-6)
    assert table.columns == COLUMNS
    assert table.genres == ("blues", "rock")
    assert table.labels.tolist() == [0, 0, 1]
    assert table.tracks.tolist() == ["blues.00000", "blues.00000", "rock.00001"]


def test_columns_are_chosen_by_name(tmp_path, values):
    save_table(tmp_path / "table.npz", COLUMNS, values, NAMES, GENRES)
    table = read_table(tmp_path / "table.npz", columns=COLUMNS[5:2:-1])
    assert table.columns == COLUMNS[5:2:-1]
    np.testing.assert_allclose(table.values, values[:, 5:2:-1])
    with pytest.raises(UsageError, match=r"table\.npz: has no column 'other' and 1 more"):
        read_table(tmp_path / "table.npz", columns=("other", "another"))


def changed(path, values, change):
    """Write a CSV file after changing its rows, header first."""
    save_table(path, COLUMNS, values, NAMES, GENRES)
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    change(rows)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def put(row: int, column: int, value: str):
    def change(rows: list[list[str]]) -> None:
        rows[row][column] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put(0, 3, "other"), r"no column 'rms_mean'"),
        (put(0, -1, "genre"), r"no column 'label'"),
        (put(2, 5, "nan"), r"line 3: spectral_centroid_mean of blues.00000.1.wav is nan, must be a finite number"),
        (put(2, 5, "-inf"), r"must be a finite number"),
        (put(3, 1, "loud"), r"line 4: chroma_stft_mean is 'loud', must be a number"),
        (put(1, -1, "polka"), r"line 2: label 'polka' of blues.00000.0.wav must be one of blues, classical"),
        (put(3, 0, NAMES[0]), r"line 4: blues.00000.0.wav has two rows"),
        (lambda rows: rows.__delitem__(slice(1, None)), r"has no rows"),
    ],
)
def test_a_bad_file_is_one_clear_line(tmp_path, values, change, message):
    path = changed(tmp_path / "table.csv", values, change)
    with pytest.raises(UsageError, match=message) as error:
        read_table(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("a stranger's pickle was opened",))


@pytest.mark.parametrize("name", ["table.csv", "table.npz", "table.pkl"])
def test_a_pickle_is_refused_unopened(tmp_path, name):
    (tmp_path / name).write_bytes(pickle.dumps(Trap()))
    with pytest.raises(UsageError, match="pickles are not read"):
        read_table(tmp_path / name)


def test_objects_in_an_npz_are_refused_unopened(tmp_path):
    arrays: dict[str, Any] = {name: np.array([Trap()], object) for name in ("columns", "values", "names", "genres")}
    np.savez(tmp_path / "table.npz", **arrays)
    with pytest.raises(UsageError, match="pickles are not read"):
        read_table(tmp_path / "table.npz")


def test_constant_columns_are_named(tmp_path, values):
    values[:, 16] = 120
    save_table(tmp_path / "table.csv", COLUMNS, values, NAMES, GENRES)
    assert read_table(tmp_path / "table.csv").constant_columns() == ("tempo",)


@pytest.mark.parametrize(
    ("row", "track"),
    [("blues.00000.wav", "blues.00000"), ("blues.00000.3.wav", "blues.00000"), ("my.song.mp3", "my.song")],
)
def test_track_of(row, track):
    assert track_of(row) == track
