"""Frames of a waveform and their spectra, as ``librosa.stft`` and ``librosa.istft`` cut and join them.

A frame is four hops long, so framing and overlap-add are shifts of whole hops: no gather, no scatter.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

N_FFT, HOP_LENGTH = 2048, 512  # librosa's defaults
N_BINS = 1 + N_FFT // 2
HOPS_PER_FRAME = N_FFT // HOP_LENGTH
WINDOW = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)  # Hann, periodic


def n_frames(n_samples: int) -> int:
    """Return how many centred frames librosa cuts from ``n_samples`` samples."""
    return 1 + n_samples // HOP_LENGTH


def hops(waveform: Float[Array, "batch n_samples"], mode: str = "constant") -> Float[Array, "batch n_hops hop_length"]:
    """Pad by half a frame on each side and cut into hops; frame i is hops i to i + 3.

    Args:
        waveform: Samples, at least one.
        mode: ``constant`` pads with zeros, ``edge`` with the end's value.
    """
    size = (n_frames(waveform.shape[1]) + HOPS_PER_FRAME - 1) * HOP_LENGTH
    padded = jnp.pad(waveform, ((0, 0), (N_FFT // 2, N_FFT // 2)), mode=mode)[:, :size]
    return padded.reshape(len(waveform), -1, HOP_LENGTH)


def over_frames(per_hop: Float[Array, "batch n_hops"]) -> Float[Array, "batch n_frames"]:
    """Sum a value per hop over the hops of each frame."""
    last = HOPS_PER_FRAME - 1
    return sum((per_hop[:, at : per_hop.shape[1] - last + at] for at in range(1, last + 1)), per_hop[:, :-last])


def stft(waveform: Float[Array, "batch n_samples"]) -> Complex[Array, "batch n_frames n_bins"]:
    """Return the spectrum of each frame (``librosa.stft``: Hann window, centred frames, zero padding)."""
    cut = hops(waveform)
    count = n_frames(waveform.shape[1])
    frames = jnp.concatenate([cut[:, at : at + count] for at in range(HOPS_PER_FRAME)], axis=-1)
    return jnp.fft.rfft(frames * WINDOW)


def istft(spectrum: Complex[Array, "batch n_frames n_bins"], n_samples: int) -> Float[Array, "batch n_samples"]:
    """Return the waveform of a spectrum (``librosa.istft``).

    Args:
        spectrum: The result of ``stft`` on ``n_samples`` samples, possibly changed.
        n_samples: Length of the waveform.
    """
    batch, count = spectrum.shape[:2]
    frames = (jnp.fft.irfft(spectrum, N_FFT) * WINDOW).reshape(batch, count, HOPS_PER_FRAME, HOP_LENGTH)
    joined = sum(_shifted(frames[:, :, at], at) for at in range(1, HOPS_PER_FRAME)) + _shifted(frames[:, :, 0], 0)
    end = N_FFT // 2 + n_samples
    waveform = joined.reshape(batch, -1)
    waveform = jnp.pad(waveform, ((0, 0), (0, max(0, end - waveform.shape[1]))))[:, N_FFT // 2 : end]
    return waveform / _window_sum(count, end)


def _shifted(per_frame: Float[Array, "batch n_frames hop_length"], n_hops: int) -> Float[Array, "batch n_hops hop"]:
    return jnp.pad(per_frame, ((0, 0), (n_hops, HOPS_PER_FRAME - 1 - n_hops), (0, 0)))


def _window_sum(count: int, end: int) -> np.ndarray:
    """Return the sum of the squared windows at each sample, and 1 where there are none."""
    total = np.zeros(max(end, (count + HOPS_PER_FRAME - 1) * HOP_LENGTH), np.float32)
    for at in range(count):
        total[at * HOP_LENGTH :][:N_FFT] += WINDOW**2
    total = total[N_FFT // 2 : end]
    return np.where(total > np.finfo(np.float32).tiny, total, 1)
