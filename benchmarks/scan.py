"""``genrestream scan``: one worker against two, against musicnn's tagger, unchanged files, memory, Ray.

musicnn needs a separate environment (see ``benchmarks/file.py``)::

    python -m benchmarks.scan --music ../shared/data/gtzan --musicnn musicnn/bin/python --ray     # an hour on two cores

The files are tracks of a folder of music, cut or repeated to 30 s, re-encoded to MP3 and with other names, in a
temporary folder. No two have the same audio, so that each is classified.
"""

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import av
import numpy as np

from benchmarks.paired import Turns, ratio
from genrestream.audio.source import AudioSource
from genrestream.library.table.database import opened
from genrestream.library.table.track import Track

SCAN = [sys.executable, "-m", "genrestream", "scan", "--quiet"]
RATE, SECONDS = 44_100, 30
# Answers each line on standard input with the seconds that it took for one more file, its model loaded once.
THEIRS = """
import os, sys, time, warnings
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
warnings.simplefilter("ignore")
answers, sys.stdout = sys.stdout, open(os.devnull, "w")
from musicnn.extractor import extractor
files = sys.argv[1:]
extractor(files[0], model='MSD_musicnn', extract_features=False)
for number, _ in enumerate(sys.stdin):
    began = time.perf_counter()
    extractor(files[number % len(files)], model='MSD_musicnn', extract_features=False)
    print(time.perf_counter() - began, file=answers, flush=True)
"""


def make(music: Path, folder: Path, n: int) -> None:
    """Write n MP3 files of 30 s, each a little louder than the one before of the same track."""
    folder.mkdir()
    tracks = sorted(path for path in music.rglob("*") if path.suffix in (".ogg", ".mp3", ".wav"))
    if not tracks:
        raise SystemExit(f"{music}: no music; name a folder with .ogg, .mp3 or .wav files")
    for number in range(n):
        with AudioSource(tracks[number % len(tracks)]) as source:
            blocks = list(source)
        mono = np.concatenate([block.mean(axis=0) for block, _ in blocks])
        samples = np.resize(mono, SECONDS * blocks[0][1]) * np.float32(0.5 + 0.4 * (number // len(tracks)) / 10)
        _encode(folder / f"{number:05}.mp3", samples, blocks[0][1])


def _encode(path: Path, samples: np.ndarray, rate: int) -> None:
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libmp3lame", rate=RATE, layout="mono")
        stream.bit_rate = 128_000
        stream.codec_context.open()
        frame = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), format="flt", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler("fltp", "mono", RATE, stream.codec_context.frame_size)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))


def seconds_of_scan(folder: Path, *options: str) -> tuple[float, float]:
    """Scan into a new table; return the seconds on the clock and the peak of all processes' memory in MB."""
    with tempfile.TemporaryDirectory() as place:
        began = time.perf_counter()
        with subprocess.Popen([*SCAN, str(folder), "--db", f"{place}/library.sqlite", *options]) as process:
            peak = Peak(process.pid)
            process.wait()
        seconds = time.perf_counter() - began
        if process.returncode:
            raise RuntimeError(f"the scan ended with code {process.returncode}")
        return seconds, peak.mb


class Peak:
    """The most memory that a process and its children had together: shared pages count once (PSS)."""

    def __init__(self, pid: int):
        self.mb, self._pid = 0.0, pid
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while os.path.exists(f"/proc/{self._pid}"):
            self.mb = max(self.mb, sum(map(_pss_mb, _family(self._pid))))
            time.sleep(0.2)


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in _family(int(child)))]


def _pss_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def one_against_two(folder: Path, n: int, n_pairs: int) -> None:
    """Print files a second with one worker and with two."""
    seconds_of_scan(folder, "--jobs", "1")  # the first run compiles
    one, two, peak = [], [], 0.0
    for _ in range(n_pairs):
        one.append(seconds_of_scan(folder, "--jobs", "1")[0])
        seconds, mb = seconds_of_scan(folder, "--jobs", "2")
        two.append(seconds)
        peak = max(peak, mb)
    print(f"{n} files: {n / np.median(one):.2f} files/s with one worker, {n / np.median(two):.2f} with two")
    print(f"two workers against one, times faster {ratio(two, one)}; peak memory of all processes {peak:.0f} MB (PSS)")


def one_network(folder: Path, n_pairs: int) -> None:
    """Print two workers with a network each against two that only decode and one network for both."""
    own, shared = [], []
    for _ in range(n_pairs):
        own.append(seconds_of_scan(folder, "--jobs", "2")[0])
        shared.append(seconds_of_scan(folder, "--jobs", "2", "--batch", "16")[0])
    print(f"a network in each worker against one for all (--batch 16), times faster {ratio(own, shared)}")


def against_musicnn(folder: Path, n: int, python: str, n_pairs: int) -> None:
    """Print the time a file against musicnn's tagger, whose model is loaded once; both have all cores."""
    files = [str(path) for path in sorted(folder.iterdir())]
    ours, theirs = [], []
    turns = Turns([python, "-c", THEIRS, *files])
    for _ in range(n_pairs):
        ours.append(seconds_of_scan(folder, "--jobs", "2")[0] / n)
        theirs.append(float(np.mean([turns.seconds() for _ in range(10)])))
    turns.close()
    print(f"a file: {np.median(ours):.3f} s, musicnn {np.median(theirs):.3f} s; times faster {ratio(ours, theirs)}")


def unchanged(n: int) -> None:
    """Print how long a scan takes of files that all have a row: sparse files, with made-up rows."""
    with tempfile.TemporaryDirectory() as place:
        folder, db = Path(place, "music"), f"{place}/library.sqlite"
        subprocess.run([*SCAN, place, "--db", db], check=True)  # an empty table with its settings
        rows = []
        for number in range(n):
            path = folder / f"{number // 1000:03}" / f"{number:06}.mp3"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.truncate(4_000_000)
            status = path.stat()
            rows.append(Track(str(path), status.st_size, status.st_mtime_ns, audio_hash=f"{number:032x}", genre="rock"))
        with opened(db) as database:
            database.put_all(rows)
        began = time.perf_counter()
        subprocess.run([*SCAN, str(folder), "--db", db], check=True)
        print(f"{n:,} unchanged files: {time.perf_counter() - began:.1f} s")
        with sqlite3.connect(db) as connection:
            assert connection.execute("SELECT count(*) FROM tracks").fetchone() == (n,)


def on_ray(folder: Path, n_pairs: int) -> None:
    """Print what Ray adds, with its start and without it."""
    plain, ray_s = [], []
    for _ in range(n_pairs):
        plain.append(seconds_of_scan(folder, "--jobs", "2")[0])
        with tempfile.TemporaryDirectory() as place:
            began = time.perf_counter()
            command = [*SCAN, str(folder), "--db", f"{place}/library.parquet", "--ray", "local"]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
            ray_s.append(time.perf_counter() - began)
    print(f"plain {np.median(plain):.1f} s, on Ray {np.median(ray_s):.1f} s; times slower {ratio(plain, ray_s)}")


def on_gpu(folder: Path, batches: list[int]) -> None:
    """Print chunks a second and the share of the time that the network waits for chunks, by the batch."""
    from genrestream.cli.library.progress import Progress
    from genrestream.library.config import ScanConfig
    from genrestream.library.scan import scan

    for batch in batches:
        with tempfile.TemporaryDirectory() as place:
            config = ScanConfig(db=f"{place}/library.sqlite", batch=batch, quiet=True)
            summary = scan([str(folder)], config, Progress(quiet=True), lambda _: None)
        batcher = summary.batcher
        assert batcher
        seconds = batcher.busy_s + batcher.waited_s
        print(
            f"batch {batch}: {batcher.n_chunks / seconds:.0f} chunks/s, {batcher.waited_s / seconds:.0%} of the time"
            f" waiting for decoding, {batcher.n_chunks / batcher.n_calls:.0f} chunks a call,"
            f" {batcher.n_chunks / batcher.busy_s:.0f} chunks/s in the network"
        )


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--music", type=Path, required=True, help="a folder of music")
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--musicnn", help="the Python of an environment with musicnn")
    parser.add_argument("--unchanged", type=int, default=100_000, help="sparse files; 0 leaves it out")
    parser.add_argument("--ray", action="store_true", help="also on a Ray cluster of this machine")
    parser.add_argument(
        "--batches", type=int, nargs="*", default=[], help="on a GPU: chunks in a call, e.g. 64 256 1024"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "music")
        make(options.music, folder, options.files)
        if options.batches:
            on_gpu(folder, options.batches)
            return
        one_against_two(folder, options.files, options.pairs)
        one_network(folder, options.pairs)
        if options.musicnn:
            against_musicnn(folder, options.files, options.musicnn, options.pairs)
        if options.ray:
            on_ray(folder, options.pairs)
    if options.unchanged:
        unchanged(options.unchanged)


if __name__ == "__main__":
    main()
