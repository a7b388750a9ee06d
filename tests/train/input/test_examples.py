import dataclasses
import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import grain
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrestream.audio.chunks import Chunker
from genrestream.audio.source import AudioSource
from genrestream.errors import UsageError
from genrestream.features.config import LogMelConfig
from genrestream.inference.checkpoint import Card
from genrestream.streaming.config import StreamConfig
from genrestream.streaming.session import Session
from tests.conftest import encode, music
from train.augment.config import OFF, AugmentConfig
from train.data.cache import AudioCache
from train.data.tracks import Track
from train.input.batching import batches, once
from train.input.examples import chunks, crops, rows, spans
from train.input.sampling import SamplingConfig, row_weights, shares

FRONTEND = LogMelConfig(sample_rate=8_000, n_fft=256, hop_length=128, n_mels=16, n_samples=8_000, n_frames=32)
GENRES = ("jazz", "metal", "rock")
LENGTHS_S = {"jazz": (30, 30, 30), "metal": (5, 3), "rock": (1.5,)}
AUGMENT = dataclasses.replace(OFF, gain_db=6.0, speed=0.05, shorten=0.3, noise=0.3)


@pytest.fixture(scope="module")
def tracks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("music")
    return [
        Track(f"{genre}{n}", encode(folder / f"{genre}{n}.flac", music(s, 8_000, seed=n), 8_000, "flac"), genre)
        for genre, lengths_s in LENGTHS_S.items()
        for n, s in enumerate(lengths_s)
    ]


@pytest.fixture(scope="module")
def cached(tracks, tmp_path_factory):
    cache = AudioCache(8_000, tmp_path_factory.mktemp("cache"))
    cache.fill(tracks)
    return cache


@pytest.fixture
def dataset(tracks, cached):
    return crops(tracks, GENRES, cached, FRONTEND, AUGMENT, seed=3)


def take(batched, n):
    iterator = iter(batched)
    try:
        return list(itertools.islice(iterator, n))
    finally:
        iterator.close()


def elements(dataset, n=None) -> list[Any]:
    return [dataset[number] for number in range(n or len(dataset))]


def same(some, others):
    return all(np.array_equal(a[name], b[name]) for a, b in zip(some, others, strict=True) for name in a)


def test_a_batch(dataset):
    (batch,) = take(batches(dataset, 16), 1)
    assert {name: (value.shape, value.dtype) for name, value in batch.items()} == {
        "inputs": ((16, 8_000), np.float32), "label": ((16,), np.int32), "weight": ((16,), np.float32),
    }  # fmt: skip
    assert np.abs(batch["inputs"]).max() <= 1
    assert set(batch["label"]) <= {0, 1, 2}


def test_crops_are_pieces_of_their_tracks(tracks, cached):
    plain = crops(tracks, GENRES, cached, FRONTEND)
    starts = set()
    for element in elements(plain):
        crop, label = element["inputs"], element["label"]
        places = [
            (track.name, start)
            for track in tracks
            if track.genre == GENRES[label] and len(waveform := cached.crop(track, 0, 10**9)) >= 8_000
            for start in np.flatnonzero(waveform[: len(waveform) - 7_999] == crop[0])
            if np.array_equal(waveform[start : start + 8_000], crop)
        ]
        assert places
        starts.add(places[0])
    assert len(starts) > 0.8 * len(plain)


def first(tracks, cached, seed, **options):
    """Take the batches of an epoch and the beginning of the next."""
    dataset = crops(tracks, GENRES, cached, FRONTEND, AUGMENT, seed=seed)
    return take(batches(dataset, 8, seed, **options), 14)


@pytest.mark.parametrize("options", [{}, {"prefetch": 0}, {"n_workers": 2}], ids=["again", "no thread", "workers"])
def test_the_same_seed_gives_the_same_batches(tracks, cached, options):
    assert same(first(tracks, cached, 0, **options), first(tracks, cached, 0))


def test_another_seed_or_epoch_gives_others(tracks, cached):
    reference, other = first(tracks, cached, 0), first(tracks, cached, 1)
    for a, b in itertools.combinations([*reference, *other], 2):
        assert not np.array_equal(a["inputs"], b["inputs"])


@pytest.mark.parametrize(("before", "after"), [(0, 0), (0, 1), (1, 0)])
def test_a_saved_state_continues_alike_with_any_number_of_workers(dataset, tmp_path, before, after):
    reference = take(batches(dataset, 8), 9)
    iterator = iter(batches(dataset, 8, n_workers=before))
    for _ in range(5):
        next(iterator)
    state = iterator.get_state()
    iterator.close()
    resumed = iter(batches(dataset, 8, n_workers=after))
    next(resumed)
    resumed.set_state(state)
    assert same([next(resumed) for _ in range(4)], reference[5:])
    resumed.close()


def test_a_saved_state_continues_on_another_number_of_hosts(dataset):
    alone = iter(batches(dataset, 8))
    expected = [next(alone) for _ in range(7)]
    alone.set_state({"n_taken": 5})
    halves = [iter(batches(dataset, 4, shard=(index, 2))) for index in range(2)]
    for half in halves:
        half.set_state(alone.get_state())
    for whole in expected[5:]:
        parts = [next(half) for half in halves]
        assert same([{name: np.concatenate([part[name] for part in parts]) for name in whole}], [whole])
    for iterator in (alone, *halves):
        iterator.close()


@pytest.mark.parametrize("count", [2, 4])
def test_hosts_have_parts_of_the_batch_that_one_would_have(dataset, count):
    alone = take(batches(dataset, 8), 15)
    hosts = [take(batches(dataset, 8 // count, shard=(index, count)), 15) for index in range(count)]
    for whole, *host_parts in zip(alone, *hosts, strict=True):
        together = {name: np.concatenate([part[name] for part in host_parts]) for name in whole}
        assert same([together], [whole])


def test_each_example_is_heard_once_an_epoch():
    numbered = rows(np.arange(20.0), np.zeros(20, int))
    heard = take(batches(numbered, 5), 12)
    for epoch in range(3):
        assert sorted(np.concatenate([b["inputs"] for b in heard[4 * epoch : 4 * epoch + 4]])) == list(range(20))


def test_each_class_is_heard_alike(tracks, cached):
    plain = crops(tracks, GENRES, cached, FRONTEND, sampling=SamplingConfig(crops_per_epoch=3000))
    drawn = Counter(int(element["label"]) for element in elements(plain))
    assert all(count == pytest.approx(1000, abs=2) for count in drawn.values())


def unheard(*genres, artists=()):
    artists = artists or ("",) * len(genres)
    return [
        Track(f"{number}", Path("none.flac"), genre, artist=artist)
        for number, (genre, artist) in enumerate(zip(genres, artists, strict=True))
    ]


@pytest.mark.parametrize(
    ("balance", "share", "weights"),
    [
        ("sampler", [0.25, 0.25, 0.5], [1, 1, 1]),
        ("loss", [0.4, 0.4, 0.2], [0.625, 0.625, 2.5]),
        ("none", [0.4, 0.4, 0.2], [1, 1, 1]),
    ],
)
def test_balance(balance, share, weights):
    sampling = SamplingConfig(balance=balance)
    found = shares(unheard("jazz", "jazz", "rock"), np.array([4, 4, 1]), sampling)
    np.testing.assert_allclose(found, (share, weights))
    by_seconds, _ = shares(unheard("jazz", "jazz", "rock"), np.array([9, 1, 5]), SamplingConfig(length_power=1.0))
    np.testing.assert_allclose(by_seconds, [0.45, 0.05, 0.5])


@pytest.mark.parametrize(
    ("power", "share"), [(0.0, [0.125, 0.125, 0.25, 0.5]), (1.0, [1 / 6, 1 / 6, 1 / 6, 0.5]), (0.5, None)]
)
def test_an_artist_is_not_its_genre(power, share):
    songs = unheard("jazz", "jazz", "jazz", "rock", artists=("Ella", "Ella", "", "Ella"))
    found, _ = shares(songs, np.array([4, 4, 4, 1]), SamplingConfig(artist_power=power))
    weight = np.array([2**-0.5, 2**-0.5, 1])
    np.testing.assert_allclose(found, share or [*(weight / weight.sum() / 2), 0.5])


def test_rows_weigh_as_their_tracks_are_drawn():
    songs, number = unheard("jazz", "jazz", "rock"), np.array([0, 0, 0, 0, 1, 2])
    weights = row_weights(songs, number, SamplingConfig(length_power=0.0))
    np.testing.assert_allclose(weights, 6 * np.array([1 / 16] * 4 + [1 / 4, 1 / 2]))


def test_silence_teaches_nothing(tmp_path):
    waveform = np.concatenate([music(2, 8_000)[0], np.zeros(80_000, np.float32)])[None]
    track = Track("half silent", encode(tmp_path / "s.flac", waveform, 8_000, "flac"), "rock")
    cache = AudioCache(8_000, tmp_path / "cache")
    cache.fill([track])
    found = crops([track], GENRES, cache, FRONTEND, AUGMENT, SamplingConfig(crops_per_epoch=40))
    assert {float(element["weight"]) for element in elements(found)} == {0.0, 1.0}
    evaluated = chunks([track], GENRES, cache, FRONTEND, hop_s=1.0)
    assert [float(element["weight"]) for element in elements(evaluated)] == [1.0, 1.0] + [0.0] * 10


@pytest.mark.parametrize("hop_s", [0.5, 1.0, 1.5])
def test_chunks_are_the_streams_own(tracks, cached, hop_s):
    card = Card("test", "musicnn", {}, FRONTEND, GENRES, False, 1.0, 0.5, {}, {})
    found = iter(elements(chunks(tracks, GENRES, cached, FRONTEND, hop_s)))
    for place, track in enumerate(tracks):
        heard = []
        session = Session(
            card, lambda chunk, heard=heard: (heard.append(chunk[0]), np.zeros((1, 3)))[1], StreamConfig(hop_s)
        )
        with AudioSource(track.path) as source:
            for block, sample_rate in source:
                session.push(block.T, sample_rate)
        session.flush()
        for chunk in heard:
            element = next(found)
            np.testing.assert_allclose(element["inputs"], chunk, atol=2e-5)
            assert (element["track"], GENRES[element["label"]]) == (place, track.genre)
    assert not list(found)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 50_000), st.integers(500, 20_000))
def test_spans_are_the_chunkers(n_samples, hop):
    chunker = Chunker(FRONTEND.n_samples, hop, FRONTEND.sample_rate)
    expected = chunker.push(np.zeros(n_samples, np.float32)) + chunker.flush()[0]
    assert spans(n_samples, FRONTEND, hop) == [(chunk.start, chunk.n_received) for chunk in expected]


@pytest.mark.parametrize("n_rows", [10, 12, 13])
def test_once_gives_each_element_once_in_whole_batches(n_rows):
    given = take(once(rows(np.arange(n_rows, dtype=float), np.arange(n_rows)), 4), 99)
    assert all(batch["label"].shape == (4,) for batch in given)
    assert [label for batch in given for label in batch["label"][batch["weight"] > 0]] == list(range(n_rows))


def test_rows_carry_features_labels_and_weights():
    features = np.random.default_rng(0).normal(size=(6, 57))
    found = rows(features, np.arange(6), np.full(6, 0.5))
    assert isinstance(found, grain.MapDataset)
    element = elements(found)[2]
    assert element["inputs"].dtype == np.float32
    np.testing.assert_allclose(element["inputs"], features[2], rtol=1e-6)
    assert (element["label"], element["weight"]) == (2, 0.5)


@pytest.mark.parametrize("augment", [OFF, AugmentConfig(codec=0.0)], ids=["off", "default"])
def test_augmentation_keeps_labels(tracks, cached, augment):
    plain, changed = (crops(tracks, GENRES, cached, FRONTEND, a, seed=5) for a in (OFF, augment))
    assert [e["label"] for e in elements(plain, 30)] == [e["label"] for e in elements(changed, 30)]


def test_a_single_example_fills_batches():
    (batch,) = take(batches(rows(np.ones((1, 3)), np.zeros(1, int)), 4), 1)
    assert batch["inputs"].shape == (4, 3)


def test_impossible_requests():
    with pytest.raises(UsageError, match="--seed -1: must be from 0"):
        batches(rows(np.zeros((1, 3)), np.zeros(1, int)), 8, seed=-1)
    with pytest.raises(UsageError, match="the training set is empty"):
        batches(rows(np.zeros((0, 3)), np.zeros(0, int)), 8)
    with pytest.raises(UsageError, match="--length-power 2"):
        SamplingConfig(length_power=2)
    with pytest.raises(UsageError, match="--artist-power -1"):
        SamplingConfig(artist_power=-1)
    with pytest.raises(UsageError, match="--crops-per-epoch -1"):
        SamplingConfig(crops_per_epoch=-1)
