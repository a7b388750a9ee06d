"""Sounds from formulas, none of them music: each function makes one chunk, and the table at the end names them."""

import zlib
from collections.abc import Callable

import numpy as np
from scipy import signal

RATE = 16_000  # Hz
CHUNK = 3 * RATE
TIME_S = np.arange(CHUNK) / RATE
Maker = Callable[[np.random.Generator, int], np.ndarray]


def white(rng: np.random.Generator) -> np.ndarray:
    """Return white noise, standard deviation 1."""
    return rng.standard_normal(CHUNK)


def coloured(rng: np.random.Generator, slope: int) -> np.ndarray:
    """Return noise with peak 1 and power that falls as frequency to ``slope``: 1 is pink, 2 brown; none under 20 Hz."""
    frequency = np.fft.rfftfreq(CHUNK, 1 / RATE)
    spectrum = np.fft.rfft(white(rng)) * np.where(frequency < 20, 0, np.maximum(20, frequency) ** (-slope / 2))
    noise = np.fft.irfft(spectrum, CHUNK)
    return noise / np.abs(noise).max()


def band(waveform: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
    """Return a waveform without what is outside a band."""
    return np.asarray(signal.sosfilt(signal.butter(2, [low_hz, high_hz], "bandpass", fs=RATE, output="sos"), waveform))


def wander(rng: np.random.Generator, n_points: int) -> np.ndarray:
    """Return a curve through normal random points at equal distances."""
    return np.interp(TIME_S, np.linspace(0, 3, n_points), rng.standard_normal(n_points))


def drops(rng: np.random.Generator, per_second: float, one: np.ndarray) -> np.ndarray:
    """Return a short sound at random moments, each time at a level of its own."""
    moments = (rng.random(CHUNK) < per_second / RATE) * rng.exponential(1, CHUNK)
    moments[rng.integers(CHUNK)] = 1  # at least one
    return signal.fftconvolve(moments, one)[:CHUNK]


def decay(n_samples: int, time_constant: float) -> np.ndarray:
    """Return an exponential decay; the time constant is in samples."""
    return np.exp(-np.arange(n_samples) / time_constant)


def sweep(frequency_hz: np.ndarray) -> np.ndarray:
    """Return a sine whose frequency follows a curve, shape (48000,)."""
    return np.sin(2 * np.pi * np.cumsum(frequency_hz) / RATE)


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def harmonics(rng: np.random.Generator, base_hz: float, n_harmonics: int, fall: float) -> np.ndarray:
    """Return a steady sum of harmonics at random levels, lower for the higher ones by the power ``fall``."""
    total = np.zeros(CHUNK)
    for order in range(1, n_harmonics + 1):
        phase = rng.uniform(0, 2 * np.pi)
        total += rng.uniform(0.2, 1) / order**fall * np.sin(2 * np.pi * base_hz * order * TIME_S + phase)
    return total


def tone(rng: np.random.Generator, number: int) -> np.ndarray:
    """Return a steady sine, square or sawtooth, with or without noise."""
    phase = 2 * np.pi * log_uniform(rng, 60, 6000) * TIME_S
    wave = (np.sin, lambda angle: np.sign(np.sin(angle)), signal.sawtooth)[number % 3](phase)
    return wave + rng.choice([0, 0.01, 0.1]) * white(rng)


def hum(rng: np.random.Generator, number: int) -> np.ndarray:
    """Return the hum of the mains: harmonics of 50 or 60 Hz."""
    return harmonics(rng, (50, 60)[number % 2], int(rng.integers(3, 20)), 1) + 0.02 * white(rng)


def drone(rng: np.random.Generator, number: int) -> np.ndarray:
    """Return the steady drone of a machine."""
    return harmonics(rng, rng.uniform(40, 200), 11, 0.5) + 0.05 * white(rng)


def noise(rng: np.random.Generator, number: int) -> np.ndarray:
    """Return white, pink or brown noise, or a band of noise."""
    if number % 4 < 3:
        return coloured(rng, number % 4)
    low_hz = log_uniform(rng, 80, 4000)
    return band(white(rng), low_hz, min(7900, low_hz * rng.uniform(1.3, 6)))


def clicks(rng: np.random.Generator, number: int) -> np.ndarray:
    """Return clicks at random moments."""
    one = decay(400, rng.uniform(2, 80)) * rng.standard_normal(400)
    return drops(rng, rng.uniform(1, 60), one) + 0.001 * white(rng)


def hiss(rng: np.random.Generator, number: int) -> np.ndarray:
    """Return the noise of an input with nothing to record, some with a trace of hum."""
    return coloured(rng, number % 2) + (number % 3 == 0) * 0.1 * np.sin(2 * np.pi * 50 * TIME_S)


def rain(rng: np.random.Generator, number: int) -> np.ndarray:
    """Return drops over the rush of distant ones."""
    one = decay(300, rng.uniform(5, 40)) * np.sin(np.arange(300) * rng.uniform(0.3, 2))
    return drops(rng, rng.uniform(50, 1500), one) + rng.uniform(0.02, 0.3) * band(white(rng), 400, 7000)


def wind(rng: np.random.Generator, number: int) -> np.ndarray:
    """Return low noise that swells and falls."""
    gusts = np.clip(1 + rng.uniform(0.2, 0.9) * wander(rng, 7), 0.05, None)
    return gusts * band(white(rng), rng.uniform(40, 150), rng.uniform(300, 1500))


def engine(rng: np.random.Generator, number: int) -> np.ndarray:
    """Return explosions at a rate that wanders, over pink noise."""
    rate_hz = rng.uniform(15, 150) * np.clip(1 + rng.uniform(0, 0.5) * wander(rng, 5), 0.2, None)
    strokes = (np.diff(np.floor(np.cumsum(rate_hz) / RATE), prepend=0) > 0) * rng.uniform(0.6, 1, CHUNK)
    one = decay(600, rng.uniform(20, 150)) * rng.standard_normal(600)
    return band(signal.fftconvolve(strokes, one)[:CHUNK], 40, rng.uniform(800, 5000)) + 0.1 * coloured(rng, 1)


def siren(rng: np.random.Generator, number: int) -> np.ndarray:
    """Return a siren that rises and falls, or rises again and again."""
    angle = 2 * np.pi * rng.uniform(0.2, 4) * TIME_S
    course = (np.sin, signal.sawtooth)[number % 2](angle)
    return sweep(rng.uniform(450, 900) + rng.uniform(100, 400) * course) + 0.02 * white(rng)


def beeps(rng: np.random.Generator, number: int) -> np.ndarray:
    """Return a tone, or two at a time as a telephone's keys, that goes on and off."""
    is_on = np.repeat(rng.permutation(np.arange(60) % 2), CHUNK // 60)
    tones = [np.sin(2 * np.pi * rng.uniform(500, 1600) * TIME_S) for _ in range(1 + number % 2)]
    return is_on * sum(tones, np.zeros(CHUNK)) + 0.003 * white(rng)


def applause(rng: np.random.Generator, number: int) -> np.ndarray:
    """Return the clapping of 6 to 39 people, each with hands of their own."""
    total = 0.002 * white(rng)
    for _ in range(rng.integers(6, 40)):
        clap = decay(500, rng.uniform(20, 60)) * band(rng.standard_normal(500), 500, 3000)
        total += rng.uniform(0.2, 1) * drops(rng, rng.uniform(2, 5), clap)
    return total


def modem(rng: np.random.Generator, number: int) -> np.ndarray:
    """Return data sent as a tone that jumps between four frequencies, 400 times a second."""
    return sweep(np.repeat(rng.choice([1200, 1800, 2200, 2400], CHUNK // 40), 40)) + 0.05 * white(rng)


SOUNDS: dict[str, tuple[int, Maker]] = {
    "tone": (30, tone), "hum": (15, hum), "drone": (10, drone), "noise": (40, noise), "clicks": (20, clicks),
    "hiss": (20, hiss), "rain": (25, rain), "wind": (20, wind), "engine": (25, engine), "siren": (15, siren),
    "beeps": (20, beeps), "applause": (20, applause), "modem": (10, modem),
}  # fmt: skip


def made(name: str, number: int, seed: int) -> np.ndarray:
    """Return one of the sounds, float64, shape (48000,); the same for the same arguments."""
    return SOUNDS[name][1](np.random.default_rng([seed, zlib.crc32(name.encode()), number]), number)
