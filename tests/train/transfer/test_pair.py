"""The linear layer of the default model: what rows weigh, and how sources and datasets are divided."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from genrestream.errors import UsageError
from train.data.load import read_all
from train.data.splits import artist_name, divide
from train.data.tracks import DataConfig, Dataset, Track
from train.input.sampling import SamplingConfig
from train.transfer.frozen import Views, poor
from train.transfer.pair import PairHeadConfig, PairRunConfig, domain_weights
from train.transfer.states import source_folds


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def track(name: str, genre: str, domain: str = "gtzan", artist: str = "", fold: int = -1) -> Track:
    return Track(name, Path(f"{name}.wav"), genre, artist=artist, fold=fold, domain=domain)


def test_datasets_genres_and_artists_weigh_as_configured(tmp_path):
    tracks = [
        *(track(f"a{n}", "blues", artist="The One") for n in range(9)), track("a9", "blues", artist="Other"),
        track("b0", "rock"), track("c0", "blues", "songs"), track("c1", "rock", "songs"),
    ]  # fmt: skip
    place = np.repeat(np.arange(len(tracks)), 3)
    config = PairRunConfig(
        data=DataConfig(tmp_path / "gtzan", more=(tmp_path / "songs",)),
        sampling=SamplingConfig(artist_power=0.0),
        head=PairHeadConfig(more_share=0.25, genre_power=0.0),
    )
    weights = domain_weights(tracks, place, config)
    of = np.bincount(place, weights)
    assert of[11:].sum() == pytest.approx(0.25)
    assert of[10] == pytest.approx(of[:10].sum())
    assert of[:9].sum() == pytest.approx(of[9])


def test_an_artist_of_two_datasets_is_in_one_fold(tmp_path):
    genres = ("blues", "rock")
    first = [track(f"g{n}", genres[n % 2], artist=f"Artist {n // 2}", fold=n // 4) for n in range(20)]
    others = [
        track(f"s{n}", genres[n % 2], "songs", f"the ARTIST {n}" if n < 4 else f"New {n // 2}") for n in range(24)
    ]
    dataset = Dataset((*first, *others))
    config = DataConfig(tmp_path / "gtzan", more=(tmp_path / "songs",), validate=False)
    for fold in range(5):
        split = divide(dataset, dataclasses.replace(config, fold=fold))
        train, test = ({artist_name(one.artist) for one in side} for side in (split.train, split.test))
        assert not train & test
        assert {one.domain for one in split.test} == {"gtzan", "songs"}
        assert [one.name for one in split.test if one.domain == "gtzan"] == [
            f"g{n}" for n in range(4 * fold, 4 * fold + 4)
        ]


@pytest.mark.parametrize(("name", "same"), [("The Beatles", "beatles"), ("AC/DC", "ac dc"), ("Beyoncé", "BEYONCÉ")])
def test_artists_are_compared_without_case_and_punctuation(name, same):
    assert artist_name(name) == artist_name(same)


def test_all_of_a_source_is_in_one_fold():
    tracks = [track(f"noise/{source}/{n}", "noise") for source in "abcdefgh" for n in range(ord(source) - 90)]
    folds = source_folds(tracks, 5)
    by_source: dict[str, set[int]] = {}
    for one, fold in zip(tracks, folds, strict=True):
        by_source.setdefault(one.name.split("/")[1], set()).add(fold)
    assert all(len(folds) == 1 for folds in by_source.values())
    assert set(folds) == set(range(5))


@pytest.mark.parametrize("number", range(8))
def test_a_poor_copy_is_as_loud_and_a_telephones_or_noisy(rng, number):
    chunk = (0.3 * rng.normal(size=48_000)).astype(np.float32)
    changed = poor(chunk, 16_000, number, rng)
    assert changed.dtype == np.float32
    assert np.square(changed).mean() == pytest.approx(np.square(chunk).mean(), rel=1e-3)
    power = np.square(np.abs(np.fft.rfft(changed)))
    likeness = float(np.corrcoef(chunk, changed)[0, 1])
    if number % 2:
        assert 4.5 < 10 * np.log10(likeness**2 / (1 - likeness**2)) < 20.5  # dB of music above the noise
    else:
        assert power[: 3 * 150].sum() < 1e-3 * power.sum()


def test_datasets_with_other_genres_are_refused(tmp_path):
    for folder, genres in (("one", ("blues", "rock")), ("two", ("blues", "polka"))):
        for genre in genres:
            (tmp_path / folder / genre).mkdir(parents=True)
            (tmp_path / folder / genre / f"{folder}-{genre}.wav").touch()
    with pytest.raises(UsageError, match=r"has genre polka, which .*one lacks"):
        read_all(tmp_path / "one", [tmp_path / "two"])


def test_datasets_of_one_name_are_refused(tmp_path):
    with pytest.raises(UsageError, match="two folders are named songs; rename one"):
        read_all(tmp_path / "a" / "songs", [tmp_path / "b" / "songs"])


def test_something_must_be_learnt_from(tmp_path):
    with pytest.raises(UsageError, match="--n-chunks 0 --n-crops 0: one of them must be at least 1"):
        PairRunConfig(data=DataConfig(tmp_path), views=Views(n_chunks=0, n_crops=0))
