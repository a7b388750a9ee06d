"""Distortions that music meets on its way to a listener: codecs, band limits, loudness, noise, rooms, equalisers.

Each is a function ``(waveform, sample_rate, rng, **strength) -> waveform`` that keeps shape, type and alignment and
clips to -1 to 1. The same random generator gives the same result. ``DISTORTIONS`` lists those of the robustness
table; augmentation calls the functions with random strengths.
"""

import io
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, Literal

import av
import numpy as np
import soxr
from scipy import fft, signal

from genrestream.errors import UsageError

Distortion = Callable[[np.ndarray, int, np.random.Generator], np.ndarray]
Codec = Literal["mp3", "opus", "aac"]

# Encoder, a container that stores the encoder's delay, and the sample rates that the encoder takes.
_MPEG_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_CODECS = {
    "mp3": ("libmp3lame", "mp3", _MPEG_HZ),
    "opus": ("libopus", "ogg", (8_000, 12_000, 16_000, 24_000, 48_000)),
    "aac": ("aac", "matroska", _MPEG_HZ),
}
_FILTER_ORDER = 8
REVERBERANT_DB = 0.0  # energy of a room's echoes relative to the direct sound, for a listener a few metres away


def gain(waveform: np.ndarray, sample_rate: int, rng: np.random.Generator, *, gain_db: float) -> np.ndarray:
    """Make a waveform louder or quieter; samples beyond -1 to 1 are clipped."""
    return _limited(waveform * 10 ** (gain_db / 20))


def noise(
    waveform: np.ndarray, sample_rate: int, rng: np.random.Generator, *, snr_db: float, is_pink: bool = False
) -> np.ndarray:
    """Add white (or pink, -3 dB an octave) noise whose power is ``snr_db`` under that of the whole waveform."""
    hiss = rng.standard_normal(len(waveform), np.float32)
    if is_pink:
        hiss = _shaped(hiss, _pink(len(hiss)))
    return _limited(waveform + hiss * (_rms(waveform) / max(_rms(hiss), 1e-12) * 10 ** (-snr_db / 20)))


def band_limit(
    waveform: np.ndarray, sample_rate: int, rng: np.random.Generator, *, high_hz: float, low_hz: float = 0.0
) -> np.ndarray:
    """Keep the band between two frequencies, with a Butterworth magnitude (48 dB an octave) and no delay."""
    hz = _frequencies_hz(len(waveform), sample_rate)
    response = 1 / np.sqrt(1 + (hz / high_hz) ** (2 * _FILTER_ORDER))
    if low_hz > 0:
        response *= 1 / np.sqrt(1 + (low_hz / np.maximum(hz, 1e-3)) ** (2 * _FILTER_ORDER))
    return _filtered(waveform, response)


def equalise(
    waveform: np.ndarray,
    sample_rate: int,
    rng: np.random.Generator,
    *,
    low_db: float,
    high_db: float,
    low_hz: float = 250.0,
    high_hz: float = 3_000.0,
) -> np.ndarray:
    """Turn bass and treble up or down by two shelving filters with no delay."""
    bass, treble = _shelves(len(waveform), sample_rate, low_hz, high_hz)
    nepers = np.float32(np.log(10) / 20)
    return _filtered(waveform, np.exp(np.float32(low_db) * nepers * bass + np.float32(high_db) * nepers * treble))


def room(waveform: np.ndarray, sample_rate: int, rng: np.random.Generator, *, rt60_s: float) -> np.ndarray:
    """Add a room's reverberation: noise that decays by 60 dB in ``rt60_s`` seconds; the loudness stays the same.

    The exponential model of a diffuse late reverberation (Polack 1988), drawn for each waveform.
    """
    time_s = np.arange(1, round(rt60_s * sample_rate)) / sample_rate
    echoes = rng.standard_normal(len(time_s)) * 10 ** (-3 * time_s / rt60_s)
    length = max(float(np.sqrt(np.square(echoes).sum())), 1e-12)  # np.linalg.norm would start BLAS's threads
    echoes *= 10 ** (REVERBERANT_DB / 20) / length
    response = np.concatenate([[1.0], echoes]).astype(np.float32)
    wet = signal.oaconvolve(waveform, response)[: len(waveform)]
    return _limited(wet * (_rms(waveform) / max(_rms(wet), 1e-12)))


def codec(
    waveform: np.ndarray, sample_rate: int, rng: np.random.Generator, *, name: Codec, bit_rate: int
) -> np.ndarray:
    """Encode and decode a waveform with FFmpeg, at the lowest sample rate of the codec that is not below its own.

    Args:
        waveform: float32, shape (n_samples,).
        sample_rate: Its rate in Hz.
        rng: Not used: codecs draw nothing.
        name: Which codec.
        bit_rate: Bits a second.

    Raises:
        UsageError: There is no codec of that name.
    """
    if name not in _CODECS:
        raise UsageError(f"codec {name!r}: must be one of {', '.join(_CODECS)}")
    encoder, container, rates_hz = _CODECS[name]
    rate = next((rate for rate in rates_hz if rate >= sample_rate), rates_hz[-1])
    decoded = _decode(_encode(_resampled(waveform, sample_rate, rate), rate, encoder, container, bit_rate), container)
    coded = _resampled(*decoded, sample_rate)[: len(waveform)]
    return _limited(np.pad(coded, (0, len(waveform) - len(coded))))


def _encode(waveform: np.ndarray, rate: int, encoder: str, container: str, bit_rate: int) -> io.BytesIO:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream: Any = output.add_stream(encoder, rate=rate, layout="mono")
        stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(waveform, np.float32)[None], "flt", "mono")
        frame.sample_rate = rate
        fitted = av.AudioResampler(stream.format, "mono", rate, stream.codec_context.frame_size or None)
        for part in [*fitted.resample(frame), *fitted.resample(None), None]:
            output.mux(stream.encode(part))
    file.seek(0)
    return file


def _decode(file: io.BytesIO, container: str) -> tuple[np.ndarray, int]:
    with av.open(file, "r", format=container, metadata_errors="replace") as source:
        frames = list(source.decode(audio=0))
    rate = frames[0].sample_rate
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float32), rate


def _resampled(waveform: np.ndarray, rate_in: int, rate_out: int) -> np.ndarray:
    return waveform if rate_in == rate_out else soxr.resample(waveform, rate_in, rate_out)


def _filtered(waveform: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Apply a real response: without a phase, nothing is delayed."""
    return _limited(_shaped(waveform, response))


def _shaped(waveform: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Multiply the spectrum with a real response, in single precision: half the time of NumPy's own FFT."""
    return np.asarray(fft.irfft(np.asarray(fft.rfft(waveform)) * response.astype(np.float32), len(waveform)))


@lru_cache(maxsize=16)
def _pink(n_samples: int) -> np.ndarray:
    return (1 / np.sqrt(np.maximum(1, np.arange(1 + n_samples // 2)))).astype(np.float32)


@lru_cache(maxsize=16)
def _shelves(n_samples: int, sample_rate: int, low_hz: float, high_hz: float) -> tuple[np.ndarray, np.ndarray]:
    hz = np.maximum(_frequencies_hz(n_samples, sample_rate), 1.0)
    shelves = 1 / (1 + (hz / low_hz) ** 2), 1 / (1 + (high_hz / hz) ** 2)
    return shelves[0].astype(np.float32), shelves[1].astype(np.float32)


@lru_cache(maxsize=16)
def _frequencies_hz(n_samples: int, sample_rate: int) -> np.ndarray:
    return np.fft.rfftfreq(n_samples, 1 / sample_rate)


def _rms(waveform: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))


def _limited(waveform: Any) -> np.ndarray:
    return np.clip(waveform, -1.0, 1.0).astype(np.float32)


DISTORTIONS: dict[str, Distortion] = {
    "mp3_64": partial(codec, name="mp3", bit_rate=64_000),
    "telephone": partial(band_limit, low_hz=300.0, high_hz=3_400.0),
    "louder": partial(gain, gain_db=12.0),
    "quieter": partial(gain, gain_db=-12.0),
    "noise_20": partial(noise, snr_db=20.0),
    "noise_10": partial(noise, snr_db=10.0),
    "room": partial(room, rt60_s=0.6),
}
"""The distortions of the robustness table: MP3 at 64 kbit/s, an 8 kHz telephone's band, 12 dB up (clipping) and down,
white noise at 20 and 10 dB signal to noise, a room with 0.6 s of reverberation."""
