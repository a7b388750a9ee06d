"""Offset, hum and hiss are silence; music is not, however weak it is."""

import numpy as np
import pytest

import genrestream
from genrestream import Classifier, Verdict
from genrestream.audio.conditioning import Conditioner
from genrestream.audio.silence import is_silent, loudness_db, variation
from genrestream.audio.source import AudioSource
from genrestream.inference import checkpoint, shipped
from tests.conftest import METAL, music

RATE = 16_000
TIME_S = np.arange(3 * RATE) / RATE
NOISE = np.random.default_rng(0).normal(size=3 * RATE)
PINK = np.fft.irfft(np.fft.rfft(NOISE) / np.sqrt(np.maximum(1, np.arange(len(NOISE) // 2 + 1))))


def card(name: str) -> checkpoint.Card:
    return checkpoint.read(shipped.find(name)).card


def decided(samples: np.ndarray) -> bool:
    conditioner = Conditioner()
    pieces = conditioner.push(np.round(samples * 32768)[None].astype(np.float32) / 32768, RATE) + conditioner.flush()
    return is_silent(np.concatenate([mono for mono, _ in pieces]), RATE, -60.0)


@pytest.mark.parametrize(
    "samples",
    [
        0 * TIME_S,
        0.5 + 0 * TIME_S,
        0.1 * np.sin(2 * np.pi * 50 * TIME_S),
        0.3 + 0.2 * np.sin(2 * np.pi * 60 * TIME_S) + 0.02 * np.sin(2 * np.pi * 180 * TIME_S),
        0.3 * np.sin(2 * np.pi * 100 * TIME_S),
        0.2 * sum(np.sin(2 * np.pi * 50.1 * line * TIME_S) / line for line in (1, 2, 3, 5, 7, 9)),
        0.3 * sum(np.sin(2 * np.pi * 60 * line * TIME_S) / line for line in range(1, 11)),
        3e-4 * NOISE,
        3e-4 * PINK / PINK.std(),
        3e-4 * np.sin(2 * np.pi * 1000 * TIME_S),
    ],
    ids=[
        "zeros",
        "offset",
        "50 Hz",
        "60 Hz with a harmonic and an offset",
        "100 Hz",
        "50 Hz with loud harmonics",
        "60 Hz with loud harmonics",
        "hiss",
        "pink noise",
        "weak tone",
    ],
)
def test_what_is_no_sound_is_silence(samples):
    assert decided(samples)


@pytest.mark.parametrize("level_db", [-12, -40, -60, -75])
def test_music_is_not_silence(level_db):
    song = music(3, RATE)[0]
    assert not decided(song * 10 ** ((level_db - loudness_db(song)) / 20))


@pytest.mark.parametrize("hum_hz", [50, 60])
def test_weak_music_in_loud_hum_is_not_silence(hum_hz):
    hum = 0.2 * sum(np.sin(2 * np.pi * hum_hz * line * TIME_S) / line for line in (1, 2, 3, 5, 7))
    song = music(3, RATE)[0]
    assert not decided(hum + song * 10 ** ((-50 - loudness_db(song)) / 20))


def test_loudness_is_the_rms_of_what_is_neither_hum_nor_offset():
    tone = 0.1 * np.sin(2 * np.pi * 440 * TIME_S)
    assert loudness_db(tone) == pytest.approx(-23.01, abs=0.05)
    assert loudness_db(tone + 0.3) == pytest.approx(-23.01, abs=0.05)
    assert loudness_db(np.empty(0)) == -120


def test_noise_varies_as_noise_must_and_music_more():
    assert 0.9 < variation(NOISE, RATE) < 1.2
    assert 0.9 < variation(PINK, RATE) < 1.2
    assert variation(music(3, RATE)[0], RATE) > 1.6
    assert variation(NOISE[:100], RATE) == 0.0


@pytest.fixture(scope="module")
def clip():
    """Seven seconds of metal, and their rate in Hz."""
    with AudioSource(METAL) as source:
        blocks, rates = zip(*source, strict=True)
    return np.concatenate(blocks, axis=1)[0, : 7 * rates[0]], rates[0]


def heard(model: Classifier, samples: np.ndarray, rate: int) -> Verdict:
    session = model.session()
    session.push(np.round(samples * 32768).astype(np.int16), rate)
    session.flush()
    return session.verdict()


@pytest.mark.parametrize("gain_db", [0, -30, -55])
@pytest.mark.parametrize("cable", ["as it is", "inverted", "one of 32", "offset and hum"])
def test_the_answer_does_not_depend_on_gain_or_cable(default, clip, gain_db, cable):
    samples, rate = clip[0] * 10 ** (gain_db / 20), clip[1]
    time_s = np.arange(len(samples)) / rate
    carried = {
        "as it is": samples[:, None],
        "inverted": np.stack([samples, -samples], axis=1),
        "one of 32": samples[:, None] * np.eye(32)[5],
        "offset and hum": (samples + 0.02 + 0.01 * np.sin(2 * np.pi * 50 * time_s))[:, None],
    }[cable]
    verdict = heard(default, carried, rate)
    assert verdict.genre == "metal"
    assert verdict.final.probability > 0.75


@pytest.mark.parametrize("name", [name for name in shipped.names() if card(name).frontend.level])
def test_no_genre_depends_on_the_gain(name, clip):
    model = genrestream.load(name)
    loud, *weaker = (heard(model, clip[0][:, None] * 10 ** (gain_db / 20), clip[1]) for gain_db in (0, -20, -40, -55))
    for weak in weaker:
        assert weak.final.genre == loud.final.genre
        assert weak.final.probability == pytest.approx(loud.final.probability, abs=0.1)
