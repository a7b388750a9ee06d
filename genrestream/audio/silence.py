"""What counts as silence: chunks that are not loud enough, and quiet ones that hold nothing but the input's own noise.

Music from a quiet microphone can be as weak as another microphone's hiss, so loudness alone cannot tell them apart.
But hiss is steady: its power in each band varies from frame to frame only as random noise must, and music varies more.
"""

import functools

import numpy as np

from genrestream.audio.level import SILENT_DB, decibels

FLOOR_DB = -95.0  # weaker than that, 16 bits hold nothing
LOWEST_HZ = 75.0  # rumble and mains hum are below, and the onset of hum too, which no narrow line holds
MAINS_HZ, MAINS_UP_TO_HZ, MAINS_WIDTH_HZ = (50.0, 60.0), 650.0, 2.0
FADE, NARROW_FADE = 0.1, 0.5  # share of a chunk over which it is faded at each end; more of it makes lines narrower
HUM_SHARE = 0.005  # with less than this outside of the hum's lines, what they leak must not be taken for sound
FRAME_S = 0.064
BAND_EDGES_HZ = np.geomspace(150, 7_000, 21)
STEADY = 1.6  # noise of any colour has 1.0 to 1.2, the steadiest of 300 chunks of music had 1.8
NOISE_DB = 4.34  # standard deviation over frames of a band's power in dB, for one independent bin of noise
INDEPENDENT = 0.66  # share of a Hann window's bins that are independent of each other


def is_silent(waveform: np.ndarray, sample_rate: int, silence_db: float, level_db: float | None = None) -> bool:
    """Return whether a chunk is silence, which does not vote.

    Args:
        waveform: Shape (n_samples,), -1 to 1.
        sample_rate: Its rate in Hz.
        silence_db: Louder chunks are not silent. Weaker ones are, unless they vary as music does.
        level_db: The chunk's ``loudness_db``, where it is known.
    """
    level_db = loudness_db(waveform, sample_rate) if level_db is None else level_db
    if level_db >= silence_db:
        return False
    return level_db < FLOOR_DB or variation(waveform, sample_rate) < STEADY


def variation(waveform: np.ndarray, sample_rate: int) -> float:
    """Return how much the power of bands varies over time, as a multiple of what steady noise has; 0 if too short.

    Args:
        waveform: Shape (n_samples,), -1 to 1.
        sample_rate: Its rate in Hz.
    """
    n_fft = round(FRAME_S * sample_rate)
    n_frames = len(waveform) // n_fft
    if n_frames < 4:
        return 0.0
    spectrum = np.fft.rfft(waveform[: n_frames * n_fft].reshape(n_frames, n_fft) * np.hanning(n_fft))
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    band = np.searchsorted(BAND_EDGES_HZ, np.fft.rfftfreq(n_fft, 1 / sample_rate))
    ratios = []
    for number in range(1, len(BAND_EDGES_HZ)):
        bins = power[:, band == number]
        if bins.shape[1]:
            spread_db = np.std(10 * np.log10(bins.mean(axis=1) + 1e-12))
            ratios.append(spread_db * np.sqrt(INDEPENDENT * bins.shape[1]) / NOISE_DB)
    return float(np.median(ratios))


def loudness_db(waveform: np.ndarray, sample_rate: int = 16_000) -> float:
    """Return the RMS in dB below full scale of all but offset, rumble and mains hum; -120 at the least.

    Left out are frequencies below 75 Hz and lines of 4 Hz around the multiples of 50 and 60 Hz up to 650 Hz.

    Args:
        waveform: Shape (n_samples,), -1 to 1.
        sample_rate: Its rate in Hz.
    """
    if not len(waveform):
        return SILENT_DB
    counted, in_all = _powers(waveform, sample_rate, FADE)
    if counted < HUM_SHARE * in_all:
        counted, _ = _powers(waveform, sample_rate, NARROW_FADE)
    return decibels(np.sqrt(counted))


def _powers(waveform: np.ndarray, sample_rate: int, fade: float) -> tuple[float, float]:
    """Return the mean power of what counts, and of all."""
    window, mask = _analysis(len(waveform), sample_rate, fade)
    spectrum = np.fft.rfft((waveform - waveform.mean()) * window)
    energies = np.square(spectrum.real) + np.square(spectrum.imag)
    to_power = 2 / (len(waveform) * float(np.sum(window**2)))
    return float(np.sum(energies * mask)) * to_power, float(np.sum(energies)) * to_power


@functools.lru_cache(maxsize=16)
def _analysis(n_samples: int, sample_rate: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a window that is faded over a share at each end, and which bins of its spectrum count."""
    fade = np.minimum(1.0, (np.arange(n_samples) + 0.5) / (share * n_samples))
    window = (0.5 - 0.5 * np.cos(np.pi * np.minimum(fade, fade[::-1]))).astype(np.float32)
    bins_hz = np.fft.rfftfreq(n_samples, 1 / sample_rate)
    off_line_hz = np.min([np.abs(bins_hz - mains * np.round(bins_hz / mains)) for mains in MAINS_HZ], axis=0)
    is_hum = (bins_hz < MAINS_UP_TO_HZ) & (off_line_hz < MAINS_WIDTH_HZ)
    return window, (bins_hz >= LOWEST_HZ) & ~is_hum
