import numpy as np
import pytest
import soxr

from genrestream.audio.resample import Resampler
from tests.conftest import music


def resample(waveform, rate, size):
    resampler = Resampler(16_000)
    parts = [resampler.push(waveform[at : at + size], rate) for at in range(0, len(waveform), size)]
    return np.concatenate([*parts, resampler.flush()])


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000, 192_000])
@pytest.mark.parametrize("size", [1, 160, 4096, 100_000])
def test_blocks_of_any_size_give_the_whole(rate, size):
    waveform = music(0.05 if size == 1 else 0.5, rate)[0]
    whole = soxr.resample(waveform, rate, 16_000) if rate != 16_000 else waveform
    blocks = resample(waveform, rate, size)
    assert abs(len(blocks) - len(whole)) <= 1
    n = min(len(blocks), len(whole))
    np.testing.assert_allclose(blocks[:n], whole[:n], atol=1e-5)


def test_a_new_rate_on_the_way_loses_nothing():
    resampler = Resampler(16_000)
    n_samples = sum(len(resampler.push(music(1, rate)[0], rate)) for rate in (44_100, 8_000, 16_000))
    assert abs(n_samples + len(resampler.flush()) - 3 * 16_000) <= 3
