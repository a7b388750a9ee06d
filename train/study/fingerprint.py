"""The same recording twice, found by audio fingerprint (Haitsma & Kalker, ISMIR 2002), whatever its level or codec.

A fingerprint is 32 bits each 11.6 ms: whether the difference of neighbouring bands' energy (300 to 2000 Hz) rises.
Two recordings are one where some of these words are equal at one offset in time, and most of their bits around it.
"""

import dataclasses
from collections import Counter
from collections.abc import Mapping

import numpy as np
from scipy.signal import resample_poly

RATE = 5512.5
DECIMATION = 4  # from 22050 Hz
N_FFT, HOP_LENGTH = 2048, 64
BAND_HZ, N_BITS = (300.0, 2000.0), 32
MAX_SAME = 40  # words that occur in more places identify nothing: silence, a held note
MIN_WORDS = 4  # equal words at one offset, for a closer comparison
MIN_FRAMES = 100  # of overlap, 1.2 s
MAX_ERROR = 0.30  # share of wrong bits; unrelated recordings have 0.5


@dataclasses.dataclass(frozen=True)
class Match:
    """Two tracks that hold the same recording.

    Attributes:
        first: Name of one.
        second: Name of the other.
        error: Share of differing bits, 0 to 1.
        seconds: Length of what they share.
    """

    first: str
    second: str
    error: float
    seconds: float


def fingerprint(waveform: np.ndarray) -> np.ndarray:
    """Return the words of a waveform at 22050 Hz, uint32, shape (n_frames,)."""
    waveform = resample_poly(waveform, 1, DECIMATION)
    n_frames = (len(waveform) - N_FFT) // HOP_LENGTH
    if n_frames < 2:
        return np.zeros(0, np.uint32)
    frames = np.lib.stride_tricks.sliding_window_view(waveform, N_FFT)[::HOP_LENGTH][:n_frames]
    power = np.abs(np.fft.rfft(frames * np.hanning(N_FFT), axis=1)) ** 2
    edges_hz = np.geomspace(*BAND_HZ, N_BITS + 2)
    edges = np.searchsorted(np.fft.rfftfreq(N_FFT, 1 / RATE), edges_hz)
    bands = np.add.reduceat(power, edges, axis=1)[:, : N_BITS + 1]
    rises = np.diff(np.diff(bands, axis=1), axis=0) > 0
    return (rises.astype(np.uint32) << np.arange(N_BITS, dtype=np.uint32)).sum(axis=1, dtype=np.uint32)


def matches(words: Mapping[str, np.ndarray]) -> list[Match]:
    """Return the pairs of tracks that hold the same recording.

    Args:
        words: Each track's fingerprint by its name.
    """
    names = list(words)
    found = []
    for (first, second, offset), n_words in _common(list(words.values())).items():
        if n_words < MIN_WORDS:
            continue
        a, b = words[names[first]], words[names[second]]
        a, b = (a[offset:], b) if offset >= 0 else (a, b[-offset:])
        n_frames = min(len(a), len(b))
        error = float(np.bitwise_count(a[:n_frames] ^ b[:n_frames]).mean() / N_BITS) if n_frames else 1.0
        if n_frames >= MIN_FRAMES and error <= MAX_ERROR:
            found.append(Match(names[first], names[second], error, n_frames * HOP_LENGTH / RATE))
    best: dict[tuple[str, str], Match] = {}
    for match in sorted(found, key=lambda match: match.error):
        best.setdefault((match.first, match.second), match)
    return list(best.values())


def _common(words: list[np.ndarray]) -> Counter[tuple[int, int, int]]:
    """Count the words that two tracks share, by the pair and the offset between them."""
    track = np.repeat(np.arange(len(words)), [len(one) for one in words])
    place = np.concatenate([np.arange(len(one)) for one in words])
    value = np.concatenate(words)
    order = np.argsort(value, kind="stable")
    starts = np.flatnonzero(np.diff(value[order], prepend=value[order[0]] ^ np.uint32(1)))
    common: Counter[tuple[int, int, int]] = Counter()
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        if not 2 <= end - start <= MAX_SAME:
            continue
        same = sorted(zip(track[order[start:end]].tolist(), place[order[start:end]].tolist(), strict=True))
        for at, (first, first_place) in enumerate(same):
            for second, second_place in same[at + 1 :]:
                if first != second:
                    common[first, second, first_place - second_place] += 1
    return common
