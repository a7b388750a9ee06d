import numpy as np
import pytest
import soxr

from genrestream.audio.resample import Resampler
from genrestream.errors import AudioError
from tests.conftest import music


def resample(waveform, rate, size):
    resampler = Resampler(16_000)
    parts = [resampler.push(waveform[:, at : at + size], rate) for at in range(0, waveform.shape[1], size)]
    return np.concatenate([*parts, resampler.flush()])


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000, 192_000])
@pytest.mark.parametrize("size", [1, 160, 4096, 100_000])
def test_blocks_of_any_size_give_the_whole(rate, size):
    waveform = music(0.05 if size == 1 else 0.5, rate, n_channels=2)
    whole = soxr.resample(waveform.mean(axis=0), rate, 16_000) if rate != 16_000 else waveform.mean(axis=0)
    blocks = resample(waveform, rate, size)
    assert abs(len(blocks) - len(whole)) <= 1
    n = min(len(blocks), len(whole))
    np.testing.assert_allclose(blocks[:n], whole[:n], atol=1e-5)


def test_channels_are_mixed_by_their_mean():
    stereo = np.stack([np.full(100, 0.5), np.full(100, -0.1)]).astype(np.float32)
    np.testing.assert_allclose(Resampler(16_000).push(stereo, 16_000), 0.2, atol=1e-7)


def test_a_new_rate_on_the_way_loses_nothing():
    resampler = Resampler(16_000)
    n_samples = sum(len(resampler.push(music(1, rate), rate)) for rate in (44_100, 8_000, 16_000))
    assert abs(n_samples + len(resampler.flush()) - 3 * 16_000) <= 3


def test_samples_far_beyond_full_scale_are_refused():
    with pytest.raises(AudioError, match="a sample is 32767, full scale is 1"):
        Resampler(16_000).push(np.full((1, 100), 32767, np.float32), 16_000)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused(bad):
    block = np.zeros((1, 100), np.float32)
    block[0, 50] = bad
    with pytest.raises(AudioError, match="NaN or infinite"):
        Resampler(16_000).push(block, 16_000)
