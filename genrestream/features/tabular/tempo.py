"""Onset strength and tempo, equal to the tempo of ``librosa.beat.beat_track``."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from genrestream.features.tabular.medians import median
from genrestream.features.tabular.stft import HOP_LENGTH, N_FFT

START_BPM, MAX_BPM = 120.0, 320.0  # centre of the prior, whose standard deviation is an octave, and its upper limit
WINDOW_S = 8.0  # length of the autocorrelation


def onset_strength(mel_db: Float[Array, "batch n_frames n_mels"]) -> Float[Array, "batch n_frames"]:
    """Return the median rise of the mel bands from frame to frame in dB (``librosa.onset.onset_strength``)."""
    rise = median(jnp.maximum(0, mel_db[:, 1:] - mel_db[:, :-1]))
    delay = 1 + N_FFT // (2 * HOP_LENGTH)  # librosa shifts each onset to the centre of its frame
    return jnp.pad(rise, ((0, 0), (delay, 0)))[:, : mel_db.shape[1]]


def tempogram(onset: Float[Array, "batch n_frames"], n_lags: int) -> Float[Array, "batch n_frames n_lags"]:
    """Return each frame's autocorrelation of the onset strength, its maximum 1 (``librosa.feature.tempogram``)."""
    n, half = onset.shape[1], n_lags // 2
    padded = jnp.pad(onset, ((0, 0), (half, half)), mode="linear_ramp")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_lags) / n_lags)
    frames = padded[:, np.arange(n)[:, None] + np.arange(n_lags)] * window.astype(np.float32)
    n_fft = 1 << (2 * n_lags - 1).bit_length()  # long enough that nothing wraps around
    spectrum = jnp.fft.rfft(frames, n_fft)
    product = jnp.fft.irfft(jnp.square(spectrum.real) + jnp.square(spectrum.imag), n_fft)[..., :n_lags]
    largest = jnp.abs(product).max(axis=-1, keepdims=True)
    return product / jnp.where(largest < np.finfo(np.float32).tiny, 1, largest)


def tempo(mel_db: Float[Array, "batch n_frames n_mels"], sample_rate: int) -> Float[Array, " batch"]:
    """Return the tempo in beats per minute, 0 where there is no onset.

    Args:
        mel_db: Mel spectrogram in dB.
        sample_rate: In Hz.
    """
    onset = onset_strength(mel_db)
    n_lags = int(WINDOW_S * sample_rate) // HOP_LENGTH
    bpm = np.concatenate([[np.inf], 60 * sample_rate / (HOP_LENGTH * np.arange(1, n_lags))])
    with np.errstate(divide="ignore"):
        prior = np.where(bpm < MAX_BPM, -0.5 * np.square(np.log2(bpm / START_BPM)), -np.inf)
    score = jnp.log1p(1e6 * tempogram(onset, n_lags).mean(axis=1)) + prior.astype(np.float32)
    best = jnp.asarray(bpm.astype(np.float32))[score.argmax(axis=-1)]
    return jnp.where((onset > 0).any(axis=-1), best, 0)
