from functools import partial

import numpy as np
import pytest

from genrestream.errors import UsageError
from tests.conftest import music
from train.augment.distort import DISTORTIONS, band_limit, codec, equalise, gain, noise, room

RATE = 16_000
MORE = {
    "pink": partial(noise, snr_db=10.0, is_pink=True),
    "equalise": partial(equalise, low_db=6.0, high_db=-6.0),
    "opus": partial(codec, name="opus", bit_rate=24_000),
    "aac": partial(codec, name="aac", bit_rate=48_000),
}


def rng():
    return np.random.default_rng(0)


def rms(waveform):
    return np.sqrt(np.mean(np.square(waveform, dtype=float)))


def band_db(waveform, low_hz, high_hz, rate=RATE):
    power = np.abs(np.fft.rfft(waveform)) ** 2
    hz = np.fft.rfftfreq(len(waveform), 1 / rate)
    return 10 * np.log10(power[(hz >= low_hz) & (hz < high_hz)].mean())


@pytest.mark.parametrize("rate", [12_000, 16_000, 22_050, 44_100])
@pytest.mark.parametrize("name", [*DISTORTIONS, *MORE])
def test_shape_type_range_and_alignment_are_kept(name, rate):
    waveform = np.clip(4 * music(3, rate)[0], -1, 1)
    before = waveform.copy()
    heard = (DISTORTIONS | MORE)[name](waveform, rate, rng())
    np.testing.assert_array_equal(waveform, before)
    assert (heard.shape, heard.dtype) == (waveform.shape, np.float32)
    assert np.abs(heard).max() <= 1
    if name != "room":  # a room's echoes may agree with a steady tone better than the direct sound does
        likeness = np.fft.irfft(np.fft.rfft(heard) * np.conj(np.fft.rfft(waveform)))
        assert likeness.argmax() == 0, "nothing is delayed"


@pytest.mark.parametrize("name", DISTORTIONS)
def test_the_same_generator_gives_the_same_result(name):
    waveform = music(1)[0]
    once, again = (DISTORTIONS[name](waveform, RATE, rng()) for _ in range(2))
    np.testing.assert_array_equal(once, again)


@pytest.mark.parametrize("name", [*DISTORTIONS, *MORE])
def test_silence_stays_silent(name):
    silence = np.zeros(RATE, np.float32)
    assert rms((DISTORTIONS | MORE)[name](silence, RATE, rng())) < 1e-4


def test_gain_clips_like_a_converter():
    waveform = np.array([0.1, 0.5, -0.9], np.float32)
    np.testing.assert_allclose(gain(waveform, RATE, rng(), gain_db=-20), waveform / 10, rtol=1e-6)
    np.testing.assert_allclose(gain(waveform, RATE, rng(), gain_db=20), [1, 1, -1])


@pytest.mark.parametrize("is_pink", [False, True])
@pytest.mark.parametrize("snr_db", [20.0, 10.0])
def test_noise_has_the_power_asked_for(snr_db, is_pink):
    waveform = music(3)[0]
    added = noise(waveform, RATE, rng(), snr_db=snr_db, is_pink=is_pink) - waveform
    assert 20 * np.log10(rms(waveform) / rms(added)) == pytest.approx(snr_db, abs=0.1)


def test_pink_noise_falls_by_three_db_an_octave():
    hum = 0.1 * np.sin(2 * np.pi * 50 * np.arange(10 * RATE) / RATE).astype(np.float32)
    added = noise(hum, RATE, rng(), snr_db=20, is_pink=True) - hum
    assert band_db(added, 500, 1000) - band_db(added, 2000, 4000) == pytest.approx(6, abs=0.5)


def test_a_telephone_keeps_its_band_and_nothing_else():
    hiss = 0.1 * rng().standard_normal(10 * RATE).astype(np.float32)
    heard = DISTORTIONS["telephone"](hiss, RATE, rng())
    assert band_db(heard, 500, 3000) == pytest.approx(band_db(hiss, 500, 3000), abs=0.1)
    assert band_db(heard, 6000, 8000) < band_db(hiss, 6000, 8000) - 40
    assert band_db(heard, 20, 150) < band_db(hiss, 20, 150) - 40


def test_a_limit_above_the_band_changes_nothing():
    waveform = music(1)[0]
    np.testing.assert_allclose(band_limit(waveform, RATE, rng(), high_hz=20_000), waveform, atol=1e-3)


def test_the_equaliser_turns_bass_up_and_treble_down():
    hiss = 0.1 * rng().standard_normal(10 * RATE).astype(np.float32)
    heard = equalise(hiss, RATE, rng(), low_db=6, high_db=-6)
    assert band_db(heard, 20, 60) - band_db(hiss, 20, 60) == pytest.approx(6, abs=0.5)
    assert band_db(heard, 7800, 8000) - band_db(hiss, 7800, 8000) == pytest.approx(-5.2, abs=0.5)


def test_a_room_rings_for_its_reverberation_time():
    click = np.zeros(RATE, np.float32)
    click[0] = 0.5
    heard = room(click, RATE, rng(), rt60_s=0.6)
    assert np.abs(heard[0]) == pytest.approx(0.5 / np.sqrt(2), rel=0.01), "half of the energy is direct sound"
    early, late = rms(heard[1:1600]), rms(heard[4801:6400])
    assert 20 * np.log10(early / late) == pytest.approx(60 * 0.3 / 0.6, abs=2)


def test_a_codec_loses_something_but_not_the_music():
    waveform = music(3)[0]
    lost = codec(waveform, RATE, rng(), name="mp3", bit_rate=64_000) - waveform
    assert 0.001 < rms(lost) / rms(waveform) < 0.3


def test_an_unknown_codec_is_refused():
    with pytest.raises(UsageError, match="codec 'tape': must be one of mp3, opus, aac"):
        codec(music(1)[0], RATE, rng(), name="tape", bit_rate=64_000)  # pyright: ignore[reportArgumentType]
