"""Look at a dataset before training on it: one HTML page of pictures, and shortcuts that a model could learn.

::

    python -m train.study.explore --data ../shared/data/gtzan --table ../shared/data/gtzan/features_30_sec.csv

The page shows correlations of the features, their distributions and the tempo by genre, mel spectrograms, duration,
loudness and bandwidth by genre, and recordings that occur twice. Open ``runs/explore/index.html``.
"""

import dataclasses
import html
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np
import tyro
from rich.progress import track as progress

from genrestream.audio.silence import loudness_db
from genrestream.features.tabular.columns import decibels
from genrestream.features.tabular.stft import N_FFT, stft
from genrestream.files import writing
from train.command.entry import entry
from train.data.cache import AudioCache
from train.data.load import decoded
from train.data.readers.folders import read
from train.data.tracks import DataConfig, Dataset, Track
from train.study import explore_plots as plots
from train.study.fingerprint import Match, fingerprint, matches
from train.tabular.table import Table, read_table

RATE = 22_050
CHUNK_S = 3
N_EXAMPLES = 3  # spectrograms of each genre
BANDWIDTH_DB = 60.0  # below the strongest bin; anything quieter is ignored
CHEATS = (
    f"Duration, level and bandwidth (up to {BANDWIDTH_DB:g} dB below the strongest bin) are of the recording, not of"
    " the music: where they differ by genre, a model can learn them instead."
)
SHOWN = (
    "chroma_stft_mean", "rms_mean", "spectral_centroid_mean", "spectral_bandwidth_mean", "rolloff_mean",
    "zero_crossing_rate_mean", "perceptr_var", "harmony_var", "mfcc1_mean", "mfcc2_mean", "mfcc3_mean", "mfcc4_mean",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class ExploreConfig:
    """What to look at.

    Attributes:
        data: The music.
        table: Its features, as GTZAN's features_30_sec.csv; train.tabular.extract makes one.
        output: Folder of the page.
        cache: Folder for the decoded audio; genrestream's cache folder where not given.
        seed: Seed of the choice of examples.
    """

    data: Path
    table: Path
    output: Path = Path("runs/explore")
    cache: Path | None = None
    seed: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Measured:
    """Measurements of the tracks: duration in s, level in dB, bandwidth in kHz, and pairs of the same recording."""

    seconds: np.ndarray
    level_db: np.ndarray
    bandwidth_khz: np.ndarray
    same: list[Match]


def bandwidth_khz(waveform: np.ndarray) -> float:
    """Return the highest frequency in kHz whose mean power is less than 60 dB below the strongest."""
    spectrum = np.fft.rfft(waveform[: len(waveform) // N_FFT * N_FFT].reshape(-1, N_FFT) * np.hanning(N_FFT))
    power = (np.abs(spectrum) ** 2).mean(axis=0)
    loud = np.flatnonzero(power > power.max() * 10 ** (-BANDWIDTH_DB / 10))
    return float(loud[-1] * RATE / N_FFT / 1000) if len(loud) else 0.0


def listen(dataset: Dataset, cache: AudioCache) -> Measured:
    """Measure every track."""
    measured, words = [], {}
    for track in progress(dataset.tracks, "tracks"):
        waveform = _waveform(track, cache)
        measured.append((len(waveform) / RATE, loudness_db(waveform), bandwidth_khz(waveform)))
        words[track.name] = fingerprint(waveform)
    seconds, level_db, bandwidth = np.array(measured).T
    return Measured(seconds, level_db, bandwidth, matches(words))


def _waveform(track: Track, cache: AudioCache) -> np.ndarray:
    return cache.crop(track, 0, cache.n_samples(track))


def examples(dataset: Dataset, cache: AudioCache, seed: int) -> dict[str, list[tuple[str, np.ndarray]]]:
    """Return mel spectrograms of the middle of some tracks of each genre."""
    rng = np.random.default_rng(seed)
    spectrogram = jax.jit(lambda chunk: decibels(abs(stft(chunk)) ** 2, RATE)[0])
    found: dict[str, list[tuple[str, np.ndarray]]] = {}
    for genre in dataset.genres:
        tracks = [track for track in dataset.tracks if track.genre == genre]
        found[genre] = []
        for number in rng.choice(len(tracks), min(N_EXAMPLES, len(tracks)), replace=False):
            waveform = _waveform(tracks[number], cache)
            start = max(0, (len(waveform) - CHUNK_S * RATE) // 2)
            chunk = np.resize(waveform[start : start + CHUNK_S * RATE], CHUNK_S * RATE)
            found[genre].append((tracks[number].name, np.asarray(spectrogram(chunk[None]))))
    return found


def page(config: ExploreConfig, table: Table, dataset: Dataset, measures: Measured) -> str:
    """Return the page's HTML."""
    listed = {frozenset(pair) for pair in dataset.duplicates}
    rows = [
        (match.first, match.second, f"{match.seconds:.1f} s", f"{100 * match.error:.1f} %",
         "yes" if frozenset((match.first, match.second)) in listed else "no")
        for match in sorted(measures.same, key=lambda match: (match.first, match.second))
    ]  # fmt: skip
    here = {track.name for track in dataset.tracks}
    missed = [pair for pair in dataset.duplicates if set(pair) <= here and frozenset(pair) not in _pairs(measures.same)]
    sections = [
        ("Correlation of the mean columns", "correlations.png", f"{len(table.values)} rows of {config.table.name}."),
        ("Tempo by genre", "tempo.png", "Beats per minute; the box is the middle half, the line the median."),
        ("Features by genre", "features.png", "The same for some of the columns."),
        ("Mel spectrograms", "spectrograms.png", "The middle 3 s of three tracks of each genre, drawn at random."),
        ("What a model could cheat with", "cheats.png", CHEATS),
    ]  # fmt: skip
    body = "".join(_section(*section) for section in sections)
    body += f"<h2>Recordings that are there twice</h2><p>{len(rows)} pairs by audio fingerprint.</p>"
    body += _table(("track", "track", "shared", "bits that differ", "in the published list"), rows)
    if missed:
        body += (
            f"<p>In the list and here, but not found: {html.escape(', '.join(' and '.join(p) for p in missed))}.</p>"
        )
    n_hours = measures.seconds.sum() / 3600
    title = f"{config.data.name}: {len(dataset.tracks)} tracks, {len(dataset.genres)} genres, {n_hours:.1f} hours"
    return PAGE.format(title=html.escape(title), body=body)


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em; color: #222 }}
img {{ max-width: 100%; height: auto }} td, th {{ padding: .2em .8em; text-align: left; border-bottom: 1px solid #ddd }}
table {{ border-collapse: collapse }} h2 {{ margin-top: 2em }}
</style></head><body><h1>{title}</h1>
{body}
</body></html>
"""


def _pairs(found: Sequence[Match]) -> set[frozenset[str]]:
    return {frozenset((match.first, match.second)) for match in found}


def _section(title: str, picture: str, caption: str) -> str:
    alt = html.escape(title)
    return f'<h2>{alt}</h2><p>{html.escape(caption)}</p><img src="{picture}" alt="{alt}">\n'


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    lines = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{lines}</table>\n"


def main(config: ExploreConfig) -> None:
    """Write the page."""
    table = read_table(config.table)
    cache = AudioCache(RATE, config.cache)
    dataset, _ = decoded(read(config.data), cache, DataConfig(config.data, cache=config.cache))
    measures = listen(dataset, cache)
    with writing(config.output):
        config.output.mkdir(parents=True, exist_ok=True)
        _draw(config, table, dataset, measures, cache)
    print(f"{config.output / 'index.html'}: open it in a browser; {len(measures.same)} recordings occur twice")


def _draw(config: ExploreConfig, table: Table, dataset: Dataset, measures: Measured, cache: AudioCache) -> None:
    """Write the pictures, then the page."""
    plots.correlations(table, config.output / "correlations.png")
    column = dict(zip(table.columns, table.values.T, strict=True))
    tempo = {"tempo, beats per minute": (column["tempo"], table.labels)}
    plots.boxes(tempo, table.genres, config.output / "tempo.png")
    shown = {name: (column[name], table.labels) for name in SHOWN}
    plots.boxes(shown, table.genres, config.output / "features.png")
    plots.gallery(examples(dataset, cache, config.seed), CHUNK_S, config.output / "spectrograms.png")
    labels = np.array([dataset.genres.index(track.genre) for track in dataset.tracks])
    measured = {
        "duration, s": measures.seconds,
        "level, dB": measures.level_db,
        "bandwidth, kHz": measures.bandwidth_khz,
    }
    cheats = {name: (values, labels) for name, values in measured.items()}
    plots.boxes(cheats, dataset.genres, config.output / "cheats.png")
    (config.output / "index.html").write_text(page(config, table, dataset, measures), encoding="utf-8")


if __name__ == "__main__":
    entry(lambda: main(tyro.cli(ExploreConfig, description=__doc__, prog="python -m train.study.explore")))
