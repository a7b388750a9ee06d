"""The same sound gives the same waveform, on whatever channels and at whatever gain it comes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrestream.audio.conditioning import Conditioner, LevelConfig, Leveller
from genrestream.errors import AudioError, OptionError
from tests.conftest import music

RATE = 22_050
SONG = music(4, RATE)[0]


def conditioned(block: np.ndarray, n_block: int = 4096, **options) -> tuple[np.ndarray, tuple[str, ...]]:
    conditioner, pieces = Conditioner(**options), []
    for start in range(0, block.shape[1], n_block):
        pieces += conditioner.push(block[:, start : start + n_block].astype(np.float32), RATE)
    pieces += conditioner.flush()
    return np.concatenate([mono for mono, _ in pieces]), conditioner.notes


def on_one_of(n_channels: int, channel: int, noise: float = 0.0) -> np.ndarray:
    block = noise * np.random.default_rng(channel).normal(size=(n_channels, len(SONG)))
    block[channel] += SONG
    return block


@pytest.mark.parametrize(
    ("block", "note"),
    [
        (np.stack([SONG, SONG]), ""),
        (np.stack([SONG, -SONG]), "antiphase"),
        (np.stack([SONG, -0.5 * SONG]), "antiphase"),
        (np.stack([SONG, 0 * SONG]), "1 of 2 channels"),
        (on_one_of(32, 7), "1 of 32 channels"),
        (on_one_of(32, 31, noise=1e-3), "1 of 32 channels"),
        (np.stack([SONG, SONG, -SONG, -SONG]), "antiphase"),
        (SONG[None] + 0.3, ""),
    ],
    ids=[
        "alike",
        "inverted",
        "inverted and weaker",
        "left alone",
        "one of 32",
        "one of 32, hiss",
        "two turned",
        "offset",
    ],
)
def test_channels_that_carry_the_sound_are_found(block, note):
    expected, _ = conditioned(SONG[None])
    mono, notes = conditioned(block)
    level = np.sqrt(np.mean(mono**2) / np.mean(expected**2))
    assert len(mono) == len(expected)
    assert np.corrcoef(mono, expected)[0, 1] > 0.999
    assert 0.7 < level < 1.1
    assert note in " ".join(notes) if note else not notes


@settings(max_examples=15, deadline=None)
@given(n_block=st.integers(1, 30_000), seed=st.integers(0, 9))
def test_it_does_not_depend_on_the_blocks(n_block, seed):
    n_block = max(n_block, 50)
    stereo = music(1.5, RATE, 2, seed)
    whole, _ = conditioned(stereo, stereo.shape[1])
    cut, _ = conditioned(stereo, n_block)
    assert cut.dtype == whole.dtype == np.float32
    np.testing.assert_allclose(cut, whole, atol=3e-6)


def test_wide_stereo_stays_what_its_mean_is():
    stereo = np.stack([music(4, RATE, seed=1)[0], music(4, RATE, seed=2)[0]])
    mono, notes = conditioned(stereo)
    plain, _ = conditioned(stereo, channel="mid")
    assert np.corrcoef(mono, plain)[0, 1] > 0.95
    assert not notes


@pytest.mark.parametrize(("channel", "expected"), [("left", 0), ("right", 1), (2, 1), ("2", 1)])
def test_a_chosen_channel_is_used(channel, expected):
    stereo = np.stack([music(2, RATE, seed=1)[0], music(2, RATE, seed=2)[0]])
    mono, notes = conditioned(stereo, channel=channel)
    np.testing.assert_allclose(mono, conditioned(stereo[expected : expected + 1])[0], atol=1e-6)
    assert notes == (f"channel {expected + 1} of 2",)


def test_a_channel_that_is_not_there():
    with pytest.raises(AudioError, match="has no channel 3, only 2; choose another"):
        conditioned(music(1, RATE, 2), channel=3)
    with pytest.raises(OptionError, match="channel='upper' must be auto, mid, left, right, or"):
        conditioned(music(1, RATE, 2), channel="upper")


@pytest.mark.parametrize("value", [np.nan, np.inf, 3000.0])
def test_what_is_no_audio_is_refused(value):
    block = music(1, RATE, 2)
    block[1, 99] = value
    with pytest.raises(AudioError, match="a sample is"):
        conditioned(block)


def test_clipping_is_noted():
    assert "clipped" in conditioned(np.clip(20 * SONG, -1, 1)[None])[1][-1]


def test_a_stream_shorter_than_the_start_is_whole():
    mono, _ = conditioned(SONG[None, :3000])
    assert len(mono) == 3000


@pytest.mark.parametrize("gain_db", [0.0, -20.0, -55.0])
def test_the_level_does_not_depend_on_the_gain(gain_db):
    leveller = Leveller(LevelConfig(), RATE)
    samples = SONG * np.float32(10 ** (gain_db / 20))
    leveller.push(samples[:1000])
    leveller.push(samples[1000:])
    end = 3 * RATE
    level_db = 20 * np.log10(leveller.gain(end) * np.sqrt(np.mean(samples[:end] ** 2)))
    assert level_db == pytest.approx(LevelConfig().target_db, abs=0.05)


def test_the_level_forgets_what_is_older_than_its_window():
    leveller = Leveller(LevelConfig(window_s=2.0), 1000)
    leveller.push(np.full(5000, 0.5, np.float32))
    leveller.push(np.full(5000, 0.005, np.float32))
    gains = [leveller.gain(end) for end in range(3000, 10_001, 1000)]
    assert gains[0] == pytest.approx(gains[2])
    assert 20 * np.log10(gains[-1] / gains[0]) == pytest.approx(40, abs=0.1)


def test_silence_has_a_gain_of_one():
    leveller = Leveller(LevelConfig(), 1000)
    leveller.push(np.zeros(3000, np.float32))
    assert leveller.gain(3000) == 1.0


@pytest.mark.parametrize("options", [{"target_db": 3}, {"window_s": 0}, {"max_gain_db": float("nan")}])
def test_level_configs_that_cannot_be(options):
    with pytest.raises(OptionError, match="must be from"):
        LevelConfig(**options)


def test_samples_far_beyond_full_scale_are_refused():
    with pytest.raises(AudioError, match="a sample is 32767, full scale is 1"):
        Conditioner().push(np.full((1, 100), 32767, np.float32), 16_000)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused(bad):
    block = np.zeros((1, 100), np.float32)
    block[0, 50] = bad
    with pytest.raises(AudioError, match="NaN or infinite"):
        Conditioner().push(block, 16_000)
