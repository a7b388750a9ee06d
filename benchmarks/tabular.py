"""The 57 tabular features of a 3 s chunk against librosa's, paired in one run, and where the time goes.

``pip install -e '.[dev]'``, then ``python -m benchmarks.tabular``. Both use all cores. In the first line
librosa computes a spectrogram for each feature, as the scripts that made GTZAN's CSV files do; in the second line one
for all.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import librosa
import numpy as np
import tyro

from benchmarks.paired import ratio, seconds_of
from genrestream.features.mel import cepstrum
from genrestream.features.tabular.chroma import chroma
from genrestream.features.tabular.columns import COLUMNS, decibels, tabular
from genrestream.features.tabular.hpss import harmonic_mask, hpss
from genrestream.features.tabular.spectral import centroid_and_bandwidth, rolloff
from genrestream.features.tabular.stft import stft
from genrestream.features.tabular.tempo import tempo

RATE, N_SAMPLES = 22_050, 66_150


@dataclasses.dataclass(frozen=True)
class BenchmarkConfig:
    """How often to measure.

    Attributes:
        pairs: Measurements of each side, in turn.
        clip: Real music; its first 3 s are used.
    """

    pairs: int = 30
    clip: str = "examples/metal.ogg"


def librosa_columns(y: np.ndarray, is_shared: bool) -> np.ndarray:
    """Compute the columns with librosa, from one spectrogram for all features or one for each.

    Args:
        y: Shape (n_samples,).
        is_shared: Whether the spectrogram is computed once.
    """
    feature = librosa.feature
    magnitude = np.abs(librosa.stft(y)) if is_shared else None
    given: dict[str, Any] = {"S": magnitude} if is_shared else {"y": y}
    power: dict[str, Any] = {"S": magnitude**2} if magnitude is not None else {"y": y}
    mel_db = librosa.power_to_db(feature.melspectrogram(sr=RATE, **power))
    harmony, perceptr = librosa.effects.hpss(y)
    rows = [
        feature.chroma_stft(sr=RATE, **power), feature.rms(y=y), feature.spectral_centroid(sr=RATE, **given),
        feature.spectral_bandwidth(sr=RATE, **given), feature.spectral_rolloff(sr=RATE, **given),
        feature.zero_crossing_rate(y), harmony, perceptr,
    ]  # fmt: skip
    onset = librosa.onset.onset_strength(S=mel_db, sr=RATE, aggregate=np.median)
    bpm = librosa.feature.tempo(onset_envelope=onset, sr=RATE)[0]
    cepstrum = feature.mfcc(S=mel_db) if is_shared else feature.mfcc(y=y, sr=RATE)
    columns = [statistic for row in rows for statistic in (row.mean(), row.var())]
    return np.array([*columns, bpm, *(statistic for row in cepstrum for statistic in (row.mean(), row.var()))])


def stages(waveform: jax.Array) -> dict[str, Callable[[], Any]]:
    """Return each stage as a function without arguments, compiled."""
    spectrum = stft(waveform)
    magnitude = abs(spectrum)
    power = magnitude**2
    mel_db = decibels(power, RATE)
    calls: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
        "stft": (stft, (waveform,)),
        "hpss's masks (medians)": (harmonic_mask, (magnitude,)),
        "hpss": (hpss, (waveform, spectrum)),
        "chroma with tuning": (lambda x: chroma(x, RATE), (power,)),
        "centroid, bandwidth": (lambda x: centroid_and_bandwidth(x, RATE), (magnitude,)),
        "rolloff": (lambda x: rolloff(x, RATE), (magnitude,)),
        "mel, dB, mfcc": (lambda x: cepstrum(decibels(x, RATE), 20), (power,)),
        "tempo": (lambda x: tempo(x, RATE), (mel_db,)),
    }
    return {name: _call(function, arguments) for name, (function, arguments) in calls.items()}


def _call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Callable[[], Any]:
    compiled = jax.jit(function)
    return lambda: jax.block_until_ready(compiled(*arguments))


def main(config: BenchmarkConfig) -> None:
    """Print the pairs' ratios and the stages' times."""
    y = librosa.load(config.clip, sr=RATE, duration=3)[0][:N_SAMPLES]
    waveform = jax.numpy.asarray(y[None])
    ours = _call(tabular, (waveform,))
    for name, is_shared in (("a spectrogram for each feature", False), ("one spectrogram for all", True)):
        worst = np.abs(np.asarray(ours()[0]) / librosa_columns(y, is_shared) - 1).max()  # and a warm start
        times = [
            (seconds_of(ours), seconds_of(lambda shared=is_shared: librosa_columns(y, shared)))
            for _ in range(config.pairs)
        ]
        mine, theirs = zip(*times, strict=True)
        print(
            f"{len(COLUMNS)} columns of 3 s: genrestream {1e3 * np.median(mine):.1f} ms, librosa, {name},"
            f" {1e3 * np.median(theirs):.0f} ms: {ratio(mine, theirs)} times faster; largest difference {worst:.0e}"
        )
    for name, stage in stages(waveform).items():
        stage()
        print(f"  {name:24s} {1e3 * np.median([seconds_of(stage) for _ in range(config.pairs)]):6.2f} ms")


if __name__ == "__main__":
    main(tyro.cli(BenchmarkConfig, description=__doc__))
