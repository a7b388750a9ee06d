import numpy as np
import pytest
from scipy import signal

from genrestream.audio.hum import HumFilter, _sections


@pytest.mark.parametrize("sample_rate", [8_000, 22_050, 44_100, 96_000])
def test_it_equals_scipys_filter_however_the_stream_is_cut(sample_rate):
    rng = np.random.default_rng(0)
    samples = rng.normal(scale=0.1, size=(2, sample_rate)).astype(np.float32)
    sections = np.array([[*numerator, *denominator] for numerator, denominator in _sections(sample_rate)])
    expected = signal.sosfilt(sections, samples.astype(np.float64), axis=1)
    hum, parts, start = HumFilter(2, sample_rate), [], 0
    while start < samples.shape[1]:
        n_samples = int(rng.integers(1, 700))
        parts.append(hum.push(samples[:, start : start + n_samples]))
        start += n_samples
    np.testing.assert_allclose(np.concatenate(parts, axis=1), expected, atol=3e-6)


def rms_db(samples: np.ndarray) -> float:
    return 20 * np.log10(samples.std() + 1e-9)


@pytest.mark.parametrize(
    ("frequency_hz", "most_db"), [(0.0, -100), (50.0, -90), (60.0, -90), (100.0, 0.2), (440.0, 0.1)]
)
def test_offset_and_hum_go_and_music_stays(frequency_hz, most_db):
    time_s = np.arange(32_000) / 16_000
    samples = (0.5 * np.cos(2 * np.pi * frequency_hz * time_s))[None].astype(np.float32)
    filtered = HumFilter(1, 16_000).start(samples)[:, 16_000:]
    kept_db = rms_db(filtered) - 20 * np.log10(0.5 / np.sqrt(2))
    assert most_db - 60 < kept_db < most_db if most_db < -50 else -0.2 < kept_db < most_db
