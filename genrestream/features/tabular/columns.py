"""The 57 features of GTZAN's CSV files, of a chunk or a whole track: what librosa computes, batched and jitted.

Each column is the mean or the variance over time of one feature of librosa with its defaults (2048 samples a frame,
512 a hop); ``harmony`` and ``perceptr`` are the waveforms of ``librosa.effects.hpss``; ``tempo`` is the tempo
of ``librosa.beat.beat_track``. Compared with the published files column by column in ``train/study/agreement.py``.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from genrestream.features.config import LogMelConfig
from genrestream.features.mel import cepstrum, mel_filters
from genrestream.features.tabular.chroma import chroma
from genrestream.features.tabular.hpss import hpss
from genrestream.features.tabular.spectral import centroid_and_bandwidth, rms, rolloff, zero_crossing_rate
from genrestream.features.tabular.stft import HOP_LENGTH, N_FFT, n_frames, stft
from genrestream.features.tabular.tempo import tempo

N_MELS, N_MFCC = 128, 20
TOP_DB = 80.0  # as in librosa.power_to_db: lower values are raised to this far below the loudest
OVER_TIME = (
    "chroma_stft", "rms", "spectral_centroid", "spectral_bandwidth", "rolloff", "zero_crossing_rate", "harmony",
    "perceptr",
)  # fmt: skip
MFCCS = tuple(f"mfcc{number}" for number in range(1, N_MFCC + 1))
STATISTICS = ("mean", "var")
COLUMNS = (
    *(f"{name}_{statistic}" for name in OVER_TIME for statistic in STATISTICS),
    "tempo",
    *(f"{name}_{statistic}" for name in MFCCS for statistic in STATISTICS),
)


def tabular(waveform: Float[Array, "batch n_samples"], sample_rate: int = 22_050) -> Float[Array, "batch 57"]:
    """Compute the columns of ``COLUMNS``, in that order.

    Args:
        waveform: Samples, -1 to 1, at least a frame (2048).
        sample_rate: In Hz.
    """
    spectrum = stft(waveform)
    power = jnp.square(spectrum.real) + jnp.square(spectrum.imag)
    magnitude = jnp.sqrt(power)
    mel_db = decibels(power, sample_rate)
    centroid, bandwidth = centroid_and_bandwidth(magnitude, sample_rate)
    harmony, perceptr = hpss(waveform, spectrum)
    over_time = {
        "chroma_stft": chroma(power, sample_rate),
        "rms": rms(waveform),
        "spectral_centroid": centroid,
        "spectral_bandwidth": bandwidth,
        "rolloff": rolloff(magnitude, sample_rate),
        "zero_crossing_rate": zero_crossing_rate(waveform),
        "harmony": harmony,
        "perceptr": perceptr,
    }
    columns = [
        statistic for name in OVER_TIME for statistic in _mean_and_var(over_time[name].reshape(len(waveform), -1))
    ]
    coefficients = cepstrum(mel_db, N_MFCC)
    cepstral = [statistic for row in range(N_MFCC) for statistic in _mean_and_var(coefficients[..., row])]
    return jnp.stack([*columns, tempo(mel_db, sample_rate), *cepstral], axis=-1)


def decibels(power: Float[Array, "batch n_frames n_bins"], sample_rate: int) -> Float[Array, "batch n_frames n_mels"]:
    """Return the mel spectrogram in dB, at most 80 below the loudest (``power_to_db(melspectrogram(...))``)."""
    config = LogMelConfig(sample_rate, N_FFT, HOP_LENGTH, N_MELS, n_samples=N_FFT, n_frames=n_frames(N_FFT))
    mel = jnp.matmul(power, mel_filters(config), precision=jax.lax.Precision.HIGHEST)
    mel_db = 10 * jnp.log10(jnp.maximum(mel, 1e-10))
    return jnp.maximum(mel_db, mel_db.max(axis=(1, 2), keepdims=True) - TOP_DB)


def _mean_and_var(values: Float[Array, "batch n"]) -> tuple[Float[Array, " batch"], Float[Array, " batch"]]:
    return values.mean(axis=-1), values.var(axis=-1)
