"""Log-mel spectrograms and MFCCs in ``jax.numpy``."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from genrestream.features.config import LogMelConfig, MfccConfig


def log_mel(waveform: Float[Array, "batch n_samples"], config: LogMelConfig) -> Float[Array, "batch n_frames n_mels"]:
    """Compute the log-mel spectrogram, in float32 throughout.

    Equal to ``librosa.feature.melspectrogram`` (power 2, centred frames, zero padding) followed by the compression.

    Args:
        waveform: Samples at ``config.sample_rate``, nominally -1 to 1; any length of at least
            ``(config.n_frames - 1) * config.hop_length``.
        config: The front end's sizes and compression.

    Returns:
        The first ``config.n_frames`` frames.
    """
    if config.causal:
        return streamed_log_mel(waveform, samples_before(len(waveform), config), config)[0]
    return _log_mel(waveform, np.arange(config.n_frames), config)


def samples_before(n_streams: int, config: LogMelConfig) -> Float[Array, "n_streams n_before"]:
    """Return what is before a stream's first sample, as its causal frames see it: silence."""
    return jnp.zeros((n_streams, config.n_fft - config.hop_length))


def streamed_log_mel(
    waveform: Float[Array, "n_streams n_samples"], before: Float[Array, "n_streams n_before"], config: LogMelConfig
) -> tuple[Float[Array, "n_streams n_frames n_mels"], Float[Array, "n_streams n_before"]]:
    """Return the causal frames of a stream's next samples, and what the frames after them see again.

    Args:
        waveform: A multiple of ``config.hop_length`` samples; each so many end a frame.
        before: What this returned for the samples before, or ``samples_before``.
        config: The front end's sizes and compression.
    """
    seen = jnp.concatenate([before, waveform], axis=1)
    n_new = waveform.shape[1]
    starts = config.hop_length * np.arange(n_new // config.hop_length)
    return _log_mel_of(seen[:, starts[:, None] + np.arange(config.n_fft)], config), seen[:, n_new:]


def next_log_mel(
    waveform: Float[Array, "batch n_samples"],
    old: Float[Array, "batch n_frames n_mels"],
    shift: Int[Array, ""],
    n_new: int,
    config: LogMelConfig,
) -> Float[Array, "batch n_frames n_mels"]:
    """Return what ``log_mel`` does, computed only where the frames of an earlier chunk do not hold.

    Args:
        waveform: Samples of the chunk.
        old: The earlier chunk's spectrogram.
        shift: How many frames earlier that chunk began, from 1 to ``n_new``.
        n_new: How many frames at the end are taken to be new.
        config: The front end's sizes and compression.
    """
    head, tail = config.edges[0], n_new + config.edges[1]
    n_kept = config.n_frames - head - tail
    if n_kept <= 0:
        return log_mel(waveform, config)
    frames = np.arange(config.n_frames)
    kept = jax.lax.dynamic_slice_in_dim(old, head + shift, n_kept, axis=1)
    first, last = _log_mel(waveform, frames[:head], config), _log_mel(waveform, frames[-tail:], config)
    return jnp.concatenate([first, kept, last], axis=1)


def _log_mel(
    waveform: Float[Array, "batch n_samples"], frames: np.ndarray, config: LogMelConfig
) -> Float[Array, "batch n_frames n_mels"]:
    """Compute the frames of these numbers."""
    n_fft, hop_length = config.n_fft, config.hop_length
    padded = jnp.pad(waveform, ((0, 0), (n_fft // 2, n_fft // 2)))
    return _log_mel_of(padded[:, hop_length * frames[:, None] + np.arange(n_fft)], config)


def _log_mel_of(samples: Float[Array, "batch n_frames n_fft"], config: LogMelConfig) -> Array:
    """Compute the frames of these samples."""
    n_fft = config.n_fft
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    spectrum = jnp.fft.rfft(samples * window.astype(np.float32))
    power = jnp.square(spectrum.real) + jnp.square(spectrum.imag)
    mel = jnp.matmul(power, mel_filters(config), precision=jax.lax.Precision.HIGHEST)
    if config.compression == "db":
        return 10 * jnp.log10(jnp.maximum(mel, 1e-10))
    return jnp.log10(1 + 10_000 * mel)


def mfcc(waveform: Float[Array, "batch n_samples"], config: MfccConfig) -> Float[Array, "batch n_frames n_mfcc"]:
    """Compute mel-frequency cepstral coefficients: ``cepstrum`` of ``log_mel`` in dB.

    Equal to ``librosa.feature.mfcc(S=librosa.power_to_db(mel, top_db=None))``: librosa's default
    ``top_db`` would make the values depend on the loudest sound of the input.
    """
    return cepstrum(log_mel(waveform, config), config.n_mfcc)


def cepstrum(mel_db: Float[Array, "batch n_frames n_mels"], n_mfcc: int) -> Float[Array, "batch n_frames n_mfcc"]:
    """Return the first coefficients of the orthonormal DCT-II over the bands."""
    n_mels = mel_db.shape[-1]
    order, band = np.arange(n_mfcc), np.arange(n_mels) + 0.5
    basis = np.cos(np.pi / n_mels * order * band[:, None]) * np.sqrt(2 / n_mels)
    basis[:, 0] /= np.sqrt(2)
    return jnp.matmul(mel_db, basis.astype(np.float32), precision=jax.lax.Precision.HIGHEST)


def mel_frequencies(n_mels: int, f_max_hz: float) -> np.ndarray:
    """Return the ``n_mels + 2`` band edges in Hz on Slaney's mel scale (``librosa.mel_frequencies``)."""
    f_per_mel, break_hz, log_step = 200 / 3, 1000.0, np.log(6.4) / 27
    break_mel = break_hz / f_per_mel
    top = f_max_hz / f_per_mel if f_max_hz < break_hz else break_mel + np.log(f_max_hz / break_hz) / log_step
    mels = np.linspace(0, top, n_mels + 2)
    return np.where(mels < break_mel, mels * f_per_mel, break_hz * np.exp(log_step * (mels - break_mel)))


def mel_filters(config: LogMelConfig) -> np.ndarray:
    """Return the mel filter bank, shape (1 + n_fft // 2, n_mels), equal to ``librosa.filters.mel`` transposed."""
    edges_hz = mel_frequencies(config.n_mels, config.sample_rate / 2)
    bins_hz = np.fft.rfftfreq(config.n_fft, 1 / config.sample_rate)
    ramps = bins_hz[:, None] - edges_hz
    rising = ramps[:, :-2] / np.diff(edges_hz)[:-1]
    falling = -ramps[:, 2:] / np.diff(edges_hz)[1:]
    area = 2.0 / (edges_hz[2:] - edges_hz[:-2])
    return (np.maximum(0, np.minimum(rising, falling)) * area).astype(np.float32)
