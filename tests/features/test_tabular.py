"""The 57 features equal librosa's, column by column, within tolerances relative to the column's own size."""

import warnings

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
from scipy.ndimage import median_filter

from genrestream.errors import UsageError
from genrestream.features.config import LogMelConfig, TabularConfig
from genrestream.features.frontend import features
from genrestream.features.tabular.chroma import chroma_filters, tuning
from genrestream.features.tabular.columns import COLUMNS, tabular
from genrestream.features.tabular.medians import median, running_median
from genrestream.features.tabular.spectral import running_sum
from genrestream.features.tabular.stft import istft, stft
from tests.conftest import METAL, music
from train.data.decode import chunks_of

RATE = 22_050
TOLERANCE = 1e-5  # of each column's size, see `sizes`
ROLLOFF_TOLERANCE = 1e-3  # rounding may move it by a bin in one frame
TONE_TOLERANCE = 0.02  # of a pure tone, far bins hold nothing but the rounding of the FFT, and the bandwidth sees them
compiled = jax.jit(tabular)


def librosa_columns(y: np.ndarray) -> np.ndarray:
    """Compute the columns as those who made GTZAN's CSV files did."""
    harmony, perceptr = librosa.effects.hpss(y)
    feature = librosa.feature
    over_time = [
        feature.chroma_stft(y=y, sr=RATE), feature.rms(y=y), feature.spectral_centroid(y=y, sr=RATE),
        feature.spectral_bandwidth(y=y, sr=RATE), feature.spectral_rolloff(y=y, sr=RATE),
        feature.zero_crossing_rate(y), harmony, perceptr,
    ]  # fmt: skip
    tempo = float(np.ravel(librosa.beat.beat_track(y=y, sr=RATE)[0])[0])
    columns = [statistic for rows in over_time for statistic in (rows.mean(), rows.var())]
    return np.array([*columns, tempo, *(s for row in feature.mfcc(y=y, sr=RATE) for s in (row.mean(), row.var()))])


def sizes(waveform: np.ndarray) -> np.ndarray:
    """Return what an error is measured against: a mean's own spread over time, or the column's value."""
    columns = librosa_columns(waveform)
    spread = np.sqrt(np.abs(np.roll(columns, -1)))
    is_mean = np.char.endswith(np.array(COLUMNS), "_mean")
    return np.where(is_mean, np.maximum(np.abs(columns), spread), np.abs(columns)) + 1e-9


CLIPS = {
    "music": music(3, RATE)[0],
    "quiet": 1e-3 * music(3, RATE, seed=1)[0],
    "noise": np.random.default_rng(0).normal(scale=0.1, size=3 * RATE).astype(np.float32),
    "tone": (0.3 * np.sin(2 * np.pi * 450 * np.arange(3 * RATE) / RATE)).astype(np.float32),
    "odd length": music(5.123, RATE, seed=2)[0],
    "real music": chunks_of(METAL, LogMelConfig(RATE, n_samples=3 * RATE), 3.0)[0],
    "half silent": np.concatenate([music(2, RATE, seed=3)[0], np.zeros(RATE, np.float32)]),
}


@pytest.mark.parametrize("name", CLIPS)
def test_columns_equal_librosa(name):
    waveform = CLIPS[name]
    error = np.abs(np.asarray(compiled(waveform[None])[0]) - librosa_columns(waveform)) / sizes(waveform)
    allowed = np.where(np.char.startswith(np.array(COLUMNS), "rolloff"), ROLLOFF_TOLERANCE, TOLERANCE)
    allowed = np.full(len(COLUMNS), TONE_TOLERANCE) if name == "tone" else allowed
    worst = int((error / allowed).argmax())
    assert error[worst] < allowed[worst], COLUMNS[worst]


def test_silence_gives_finite_columns_equal_to_librosa():
    silence = np.zeros(3 * RATE, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # librosa warns that it finds no pitch
        theirs = librosa_columns(silence)
    np.testing.assert_allclose(compiled(silence[None])[0], theirs, rtol=1e-5, atol=1e-3)


def test_a_batch_equals_its_parts():
    batch = np.stack([music(3, RATE, seed=seed)[0] for seed in range(3)])
    parts = np.concatenate([compiled(one[None]) for one in batch])
    np.testing.assert_allclose(compiled(batch), parts, rtol=1e-4, atol=1e-5)


def test_columns_are_those_of_the_published_files():
    assert len(COLUMNS) == len(set(COLUMNS)) == 57
    assert COLUMNS[:2] == ("chroma_stft_mean", "chroma_stft_var")
    assert COLUMNS[16] == "tempo"
    assert COLUMNS[-1] == "mfcc20_var"
    assert TabularConfig().shape == (len(COLUMNS),)


def test_the_front_end_calls_it():
    waveform = jnp.asarray(music(3, RATE, seed=5))
    np.testing.assert_allclose(features(waveform, TabularConfig()), compiled(waveform), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("wrong", [{"sample_rate": 0}, {"n_samples": 100}, {"n_samples": 3.5}])
def test_impossible_configs_are_refused(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        TabularConfig(**wrong)


@pytest.mark.parametrize("shape", [(2, 130, 40), (1, 7, 3)])
@pytest.mark.parametrize("size", [3, 31])
def test_running_median_equals_scipy(shape, size):
    values = np.random.default_rng(0).exponential(size=shape).astype(np.float32)
    theirs = median_filter(values, size=(1, size, 1), mode="reflect")
    np.testing.assert_array_equal(running_median(jnp.asarray(values), size), theirs)


@pytest.mark.parametrize("n", [1, 2, 5, 128, 999])
def test_median_equals_numpy(n):
    values = np.random.default_rng(n).exponential(size=(3, n)).astype(np.float32)
    values[:, : n // 3] = 0
    np.testing.assert_allclose(median(jnp.asarray(values)), np.median(values, axis=-1), rtol=1e-6)


def test_median_of_the_smallest():
    values = jnp.asarray([[3.0, np.inf, 1.0, 2.0], [np.inf, 5.0, np.inf, np.inf]])
    np.testing.assert_array_equal(median(values, jnp.asarray([3, 1])), [2.0, 5.0])


def test_istft_undoes_stft():
    waveform = jnp.asarray(music(2.3, RATE))
    np.testing.assert_allclose(istft(stft(waveform), waveform.shape[1]), waveform, atol=1e-6)


@pytest.mark.parametrize("off", [-0.5, -0.13, 0.0, 0.42])
def test_chroma_filters_equal_librosa(off):
    theirs = librosa.filters.chroma(sr=RATE, n_fft=2048, tuning=off)
    np.testing.assert_allclose(chroma_filters(jnp.float32(off), RATE), theirs, atol=1e-5)


@pytest.mark.parametrize("cents", [-30, 0, 20])
def test_tuning_is_heard(cents):
    tone = np.sin(2 * np.pi * 440 * 2 ** (cents / 1200) * np.arange(RATE) / RATE).astype(np.float32)
    power = jnp.abs(stft(jnp.asarray(tone[None]))) ** 2
    assert float(tuning(power, RATE)[0]) == pytest.approx(
        librosa.estimate_tuning(S=np.asarray(power[0].T), sr=RATE), abs=1e-6
    )
    assert float(tuning(power, RATE)[0]) == pytest.approx(cents / 100, abs=0.06)


def test_running_sum():
    values = np.random.default_rng(0).exponential(size=(1, 3, 1025)).astype(np.float32)
    np.testing.assert_allclose(running_sum(jnp.asarray(values)), values.cumsum(axis=-1), rtol=1e-5)
