"""The SS set of system B: seven statistics of each of librosa's features over a chunk; and the PCA set's spectrogram.

The features of each frame equal ``librosa.feature`` with its defaults, computed by genrestream's own stages:
spectral shape, chroma, tonnetz, cepstrum, mel bands, onset strength, tempogram, and the level of the harmonic and of
the percussive part.
"""

import itertools
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from genrestream.features.mel import cepstrum
from genrestream.features.tabular.chroma import chroma
from genrestream.features.tabular.columns import N_MFCC, decibels
from genrestream.features.tabular.hpss import hpss
from genrestream.features.tabular.spectral import bins_hz, centroid_and_bandwidth, rms, rolloff, zero_crossing_rate
from genrestream.features.tabular.stft import stft
from genrestream.features.tabular.tempo import onset_strength, tempo, tempogram

STATISTICS = ("mean", "median", "std", "min", "max", "kurtosis", "skew")
CONTRAST_HZ = (0.0, 200.0, 400.0, 800.0, 1600.0, 3200.0, 6400.0, 12_800.0)  # edges of the bands
CONTRAST_QUANTILE = 0.02
MEL_GROUP = 8  # bands that become one row
N_LAGS = 344  # frames in 8 s, as for the tempo
TONNETZ_STEPS = (7 / 6, 7 / 6, 3 / 2, 3 / 2, 2 / 3, 2 / 3)  # of fifths, minor and major thirds
POOL_BINS, POOL_FRAMES = 8, 10  # bins and frames that one column of the PCA set averages


def frame_features(waveform: Float[Array, "batch n_samples"], sample_rate: int) -> dict[str, Array]:
    """Return each feature's rows over time, shape (batch, n_values, n_rows), by its name."""
    spectrum = stft(waveform)
    power = jnp.square(spectrum.real) + jnp.square(spectrum.imag)
    magnitude = jnp.sqrt(power)
    mel_db = decibels(power, sample_rate)
    centroid, bandwidth = centroid_and_bandwidth(magnitude, sample_rate)
    harmonic, percussive = hpss(waveform, spectrum)
    pitch_classes = chroma(power, sample_rate)
    onset = onset_strength(mel_db)
    features = {
        "chroma": pitch_classes,
        "tonnetz": tonnetz(pitch_classes),
        "rms": rms(waveform),
        "centroid": centroid,
        "bandwidth": bandwidth,
        "rolloff": rolloff(magnitude, sample_rate),
        "flatness": flatness(power),
        "contrast": contrast(magnitude, sample_rate),
        "zero_crossing_rate": zero_crossing_rate(waveform),
        "mfcc": cepstrum(mel_db, N_MFCC),
        "mel": mel_db.reshape(*mel_db.shape[:2], -1, MEL_GROUP).mean(axis=-1),
        "onset": onset,
        "tempogram": tempogram(onset, N_LAGS).mean(axis=1),
        "harmonic": rms(harmonic),
        "percussive": rms(percussive),
    }
    return {name: rows if rows.ndim == 3 else rows[..., None] for name, rows in features.items()}


def summary(waveform: Float[Array, "batch n_samples"], sample_rate: int = 22_050) -> dict[str, Array]:
    """Return the SS set's columns, each of shape (batch,), and the tempo."""
    spectrum = stft(waveform)
    mel_db = decibels(jnp.square(jnp.abs(spectrum)), sample_rate)
    columns = {"tempo": tempo(mel_db, sample_rate)}
    for name, rows in frame_features(waveform, sample_rate).items():
        columns |= dict(_named(name, seven_statistics(rows)))
    return columns


def _named(name: str, statistics: dict[str, Array]) -> Iterator[tuple[str, Array]]:
    for statistic, values in statistics.items():
        n_rows = values.shape[1]
        for row in range(n_rows):
            yield f"{name}{row + 1 if n_rows > 1 else ''}_{statistic}", values[:, row]


def seven_statistics(rows: Float[Array, "batch n_values n_rows"]) -> dict[str, Float[Array, "batch n_rows"]]:
    """Return mean, median, std, min, max, excess kurtosis and skew over time; the last two are 0 for a constant."""
    mean, std = rows.mean(axis=1), rows.std(axis=1)
    scaled = (rows - mean[:, None]) / jnp.where(std < 1e-9, jnp.inf, std)[:, None]
    kurtosis = jnp.where(std < 1e-9, 0, (scaled**4).mean(axis=1) - 3)
    statistics = (mean, jnp.median(rows, axis=1), std, rows.min(axis=1), rows.max(axis=1), kurtosis)
    return dict(zip(STATISTICS, (*statistics, (scaled**3).mean(axis=1)), strict=True))


def flatness(power: Float[Array, "batch n_frames n_bins"]) -> Float[Array, "batch n_frames"]:
    """Return the geometric over the arithmetic mean of the bins (``librosa.feature.spectral_flatness``)."""
    floored = jnp.maximum(power, 1e-10)
    return jnp.exp(jnp.log(floored).mean(axis=-1)) / floored.mean(axis=-1)


def contrast(magnitude: Float[Array, "batch n_frames n_bins"], sample_rate: int) -> Float[Array, "batch n_frames 7"]:
    """Return peak over valley of octave bands in dB (``librosa.feature.spectral_contrast``)."""
    frequency = bins_hz(sample_rate)
    bands = []
    for band, (low_hz, high_hz) in enumerate(itertools.pairwise(CONTRAST_HZ)):
        inside = np.flatnonzero((frequency >= low_hz) & (frequency <= high_hz))
        first, end = inside[0] - (band > 0), inside[-1] + 1
        is_last = band == len(CONTRAST_HZ) - 2
        end = len(frequency) if is_last else end
        n_ends = max(1, round(CONTRAST_QUANTILE * (end - first)))
        ordered = jnp.sort(magnitude[..., first : end if is_last else end - 1], axis=-1)
        bands.append((ordered[..., -n_ends:].mean(axis=-1), ordered[..., :n_ends].mean(axis=-1)))
    peak, valley = (_db(jnp.stack(part, axis=-1)) for part in zip(*bands, strict=True))
    return peak - valley


def tonnetz(chroma: Float[Array, "batch n_frames 12"]) -> Float[Array, "batch n_frames 6"]:
    """Return the tonal centroid (``librosa.feature.tonnetz`` of this chroma)."""
    angles = np.outer(TONNETZ_STEPS, np.arange(12.0))
    angles[::2] -= 0.5
    basis = np.array([1, 1, 1, 1, 0.5, 0.5])[:, None] * np.cos(np.pi * angles)
    total = chroma.sum(axis=-1, keepdims=True)
    share = chroma / jnp.where(total < np.finfo(np.float32).tiny, 1, total)
    return jnp.matmul(share, basis.T.astype(np.float32), precision=jax.lax.Precision.HIGHEST)


def spectrogram(waveform: Float[Array, "batch n_samples"], sample_rate: int = 22_050) -> dict[str, Array]:
    """Return the dB amplitude spectrogram of a chunk, for PCA, each column of shape (batch,).

    It is averaged over 8 bins by 10 frames (128 by 13 values for 3 s), so that the components fit in memory and the
    noise of single bins is not most of the variance.
    """
    del sample_rate  # unused; the sets of features share one signature
    level_db = _db(jnp.square(jnp.abs(stft(waveform))))[:, :, :-1]
    batch, n_frames, n_bins = level_db.shape
    level_db = level_db[:, : n_frames - n_frames % POOL_FRAMES]
    pooled = level_db.reshape(batch, -1, POOL_FRAMES, n_bins // POOL_BINS, POOL_BINS).mean(axis=(2, 4))
    names = [f"frame{frame}_band{band}" for frame in range(pooled.shape[1]) for band in range(pooled.shape[2])]
    return dict(zip(names, pooled.reshape(batch, -1).T, strict=True))


def _db(power: Array) -> Array:
    """Return 10 log10, at most 80 dB below the largest of each chunk (``librosa.power_to_db``)."""
    level_db = 10 * jnp.log10(jnp.maximum(power, 1e-10))
    return jnp.maximum(level_db, level_db.max(axis=tuple(range(1, power.ndim)), keepdims=True) - 80)
