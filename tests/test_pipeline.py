import dataclasses
import itertools
from collections import Counter
from typing import Any

import grain
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orbax.checkpoint import v1 as ocp

from genrestream.checkpoint import Card
from genrestream.chunks import Chunker
from genrestream.errors import UsageError
from genrestream.frontend import LogMelConfig
from genrestream.session import Session, StreamConfig
from tests.conftest import encode, music
from train.augment import OFF, AugmentConfig
from train.cache import AudioCache
from train.decode import waveform_blocks
from train.pipeline import SamplingConfig, batches, chunks, crops, once, rows, shares, spans
from train.tracks import Track

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


@pytest.mark.parametrize("options", [{}, {"n_workers": 2}, {"prefetch": 0}], ids=["threads", "workers", "plain"])
def test_the_seed_alone_decides(tracks, cached, options):
    def first(seed, **options):
        return take(batches(crops(tracks, GENRES, cached, FRONTEND, AUGMENT, seed=seed), 8, seed, **options), 14)

    reference = first(0)  # of 12 batches an epoch: what is augmented anew in the second one counts too
    assert same(first(0, **options), reference)
    assert not same(first(1, **options), reference)
    assert not same(reference[:1], reference[12:13])


@pytest.mark.parametrize("n_workers", [0, 1])
def test_a_saved_state_continues_alike(dataset, tmp_path, n_workers):
    batched = batches(dataset, 8, n_workers=n_workers)
    reference = take(batched, 9)
    iterator = iter(batched)
    for _ in range(5):
        next(iterator)
    with ocp.training.Checkpointer(tmp_path) as checkpointer:
        checkpointer.save_checkpointables(5, {"dataset": iterator})
    iterator.close()
    resumed = iter(batches(dataset, 8, n_workers=n_workers))
    with ocp.training.Checkpointer(tmp_path) as checkpointer:
        checkpointer.load_checkpointables(5, {"dataset": resumed})
    assert same([next(resumed) for _ in range(4)], reference[5:])
    resumed.close()


def test_hosts_share_each_epoch(tracks, cached):
    numbered = rows(np.arange(20.0), np.zeros(20, int))
    seen = [take(batches(numbered, 5, shard=(index, 2)), 4) for index in range(2)]
    for epoch in range(2):
        heard = [set(np.concatenate([b["inputs"] for b in host[2 * epoch : 2 * epoch + 2]])) for host in seen]
        assert heard[0] | heard[1] == set(range(20))
        assert not heard[0] & heard[1]
    assert not same(seen[0][:2], seen[0][2:])


def test_each_class_is_heard_alike(tracks, cached):
    plain = crops(tracks, GENRES, cached, FRONTEND, sampling=SamplingConfig(crops_per_epoch=3000))
    drawn = Counter(int(element["label"]) for element in elements(plain))
    assert all(count == pytest.approx(1000, abs=2) for count in drawn.values())


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
    found = shares(np.array([0, 0, 1]), np.array([4, 4, 1]), sampling)
    np.testing.assert_allclose(found, (share, weights))
    by_seconds, _ = shares(np.array([0, 0, 1]), np.array([9, 1, 5]), SamplingConfig(length_power=1.0))
    np.testing.assert_allclose(by_seconds, [0.45, 0.05, 0.5])


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
        for block in waveform_blocks(track.path, 8_000):
            session.push(block, 8_000)
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
    assert spans(n_samples, FRONTEND, hop) == [(chunk.start, chunk.n_heard) for chunk in expected]


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("n_rows", [10, 12, 13])
def test_once_gives_each_element_once_in_whole_batches(n_rows, shards):
    numbered = rows(np.arange(n_rows, dtype=float), np.arange(n_rows))
    given = [take(once(numbered, 2, shard=(index, shards)), 99) for index in range(shards)]
    assert len({len(host) for host in given}) == 1, "all hosts take the same number of steps"
    assert all(batch["label"].shape == (2,) for host in given for batch in host)
    kept = [label for host in given for batch in host for label in batch["label"][batch["weight"] > 0]]
    assert sorted(kept) == list(range(n_rows))
    if shards == 1:
        assert kept == sorted(kept)


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


def test_impossible_requests(dataset):
    with pytest.raises(UsageError, match="99 examples: must be at least one for each of 100 hosts"):
        batches(dataset, 8, shard=(0, 100))
    with pytest.raises(UsageError, match="--length-power 2"):
        SamplingConfig(length_power=2)
    with pytest.raises(UsageError, match="--crops-per-epoch -1"):
        SamplingConfig(crops_per_epoch=-1)
