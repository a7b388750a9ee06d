"""The SS set's own features equal librosa's, its statistics scipy's."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
from scipy import stats

from genrestream.features.tabular.stft import stft
from tests.conftest import music
from train.tabular.summary import STATISTICS, contrast, flatness, seven_statistics, spectrogram, summary, tonnetz

RATE = 22_050
WAVEFORM = music(3, RATE, seed=4)
MAGNITUDE = jnp.abs(stft(jnp.asarray(WAVEFORM)))


def test_contrast_equals_librosa():
    theirs = librosa.feature.spectral_contrast(S=np.asarray(MAGNITUDE[0].T), sr=RATE)
    np.testing.assert_allclose(contrast(MAGNITUDE, RATE)[0].T, theirs, atol=1e-3)


def test_flatness_equals_librosa():
    theirs = librosa.feature.spectral_flatness(S=np.asarray(MAGNITUDE[0].T))
    np.testing.assert_allclose(flatness(jnp.square(MAGNITUDE))[0], theirs[0], rtol=1e-4)


def test_tonnetz_equals_librosa():
    chroma = np.random.default_rng(0).uniform(size=(1, 20, 12)).astype(np.float32)
    theirs = librosa.feature.tonnetz(chroma=chroma[0].T)
    np.testing.assert_allclose(tonnetz(jnp.asarray(chroma))[0].T, theirs, atol=1e-5)


def test_statistics_equal_scipy():
    rows = np.random.default_rng(0).gamma(2, size=(1, 130, 3)).astype(np.float32)
    ours = seven_statistics(jnp.asarray(rows))
    theirs = (np.mean, np.median, np.std, np.min, np.max, stats.kurtosis, stats.skew)
    for name, function in zip(STATISTICS, theirs, strict=True):
        np.testing.assert_allclose(ours[name][0], function(rows[0], axis=0), rtol=1e-3, err_msg=name)


def test_the_sets_have_finite_columns_even_of_silence():
    both = jnp.asarray(np.concatenate([WAVEFORM, np.zeros_like(WAVEFORM)]))
    columns = jax.jit(summary)(both)
    assert len(columns) == 1 + 7 * 71
    assert all(np.isfinite(values).all() for values in columns.values())
    pixels = jax.jit(spectrogram)(both)
    assert len(pixels) == 13 * 128
