"""``genrestream file``: one core against all, starts; against ``python -m musicnn.tagger``; and memory.

::

    python -m benchmarks.file --cores 5 --hours 0      # pairs of one core and all: 30 minutes, and 300 short files
    python -m benchmarks.file --starts 9 --hours 0     # command to verdict: warm, cold (empty cache), and --help

musicnn needs a separate environment::

    python -m venv musicnn && musicnn/bin/pip install 'tensorflow-cpu==2.15.*' librosa
    musicnn/bin/pip install --no-deps musicnn==0.1.0
    python -m benchmarks.file --musicnn musicnn/bin/python                # 15 minutes on two cores

The audio is the clip in examples/, repeated, in a temporary folder.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import av
import numpy as np

from benchmarks.paired import Run, ratio, run
from genrestream.audio.source import AudioSource

CLIP = Path(__file__).parent.parent / "examples" / "metal.ogg"
N_CORES = os.cpu_count() or 1
OURS = [str(Path(sys.executable).with_name("genrestream")), "file"]


def repeated(path: Path, seconds: float) -> Path:
    """Write the clip as stereo 44.1 kHz 16-bit WAV, repeated to this length."""
    with AudioSource(CLIP) as source:
        clip = np.concatenate([block for block, _ in source], axis=1)
    samples = (np.clip(clip.T, -1, 1) * 32767).astype("<i2")
    with av.open(str(path), "w") as file:
        stream = file.add_stream("pcm_s16le", rate=44_100, layout="stereo")
        left = round(seconds * 44_100)
        while left:
            part = samples[:left]
            left -= len(part)
            frame = av.AudioFrame.from_ndarray(part.reshape(1, -1).copy(), format="s16", layout="stereo")
            frame.sample_rate = 44_100
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def from_pipe(hours: float) -> Run:
    """Classify hours of raw samples from a pipe, so that no large file is needed."""
    rate = 16_000
    minute = np.random.default_rng(0).integers(-8000, 8000, size=60 * rate, dtype=np.int16).tobytes()
    script = "import sys; minute = sys.stdin.buffer.read(); [sys.stdout.buffer.write(minute) for _ in range(N)]"
    script = script.replace("N", str(round(hours * 60)))
    read, write = os.pipe()
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=write) as process:
        os.close(write)
        assert process.stdin
        process.stdin.write(minute)
        process.stdin.close()
        result = run([*OURS, "-", "--raw-rate", str(rate)], stdin=read)
        os.close(read)
    return result


def against_musicnn(what: str, musicnn: str, path: Path, n_pairs: int) -> None:
    """Time both on one file in turn and print the ratio and both peaks."""
    theirs_command = [musicnn, "-m", "musicnn.tagger", str(path), "-mod", "MSD_musicnn", "--print"]
    run([*OURS, str(path)])  # the first run fills the caches of both
    ours, theirs = [], []
    for _ in range(n_pairs):
        ours.append(run([*OURS, str(path)]))
        theirs.append(run(theirs_command))
    for name, runs in (("genrestream", ours), ("musicnn", theirs)):
        seconds = np.median([one.seconds for one in runs])
        print(f"{what}: {name} {seconds:.2f} s, peak {max(one.peak_mb for one in runs):.0f} MB")
    print(f"{what}: times faster {ratio([o.seconds for o in ours], [t.seconds for t in theirs])}", flush=True)


def on_core(path: Path, core: int) -> Run:
    """Classify on one core alone."""
    return run(["taskset", "-c", str(core), *OURS, "--jobs", "1", str(path)])


def cores(folder: Path, n_pairs: int) -> None:
    """Time one core and all of them in turn, on 30 minutes and on 300 files of 3 to 8 s; print the ratios.

    After each pair, every core does the whole work on its own at the same time, to see how much more all cores do.
    """
    long = repeated(folder / "long.wav", 1800)
    short = folder / "short"
    short.mkdir()
    for number in range(300):
        repeated(short / f"{number}.wav", 3 + number % 6)
    for what, path in (("30 minutes, stereo 44.1 kHz", long), ("300 files of 3 to 8 s", short)):
        run([*OURS, str(path)])
        one, every, apart = list[Run](), list[Run](), list[Run]()
        for _ in range(n_pairs):
            one.append(on_core(path, 0))
            every.append(run([*OURS, str(path)]))
            with ThreadPoolExecutor(N_CORES) as pool:
                runs = pool.map(partial(on_core, path), range(N_CORES))
                apart.append(max(runs, key=lambda each: each.seconds))
        for name, runs in (
            ("one core, --jobs 1", one),
            ("all cores", every),
            (f"{N_CORES} of the first at once", apart),
        ):
            seconds, cpu_s = (np.median([getattr(each, figure) for each in runs]) for figure in ("seconds", "cpu_s"))
            peak = max(each.peak_mb for each in runs)
            print(f"{what}: {name} {seconds:.2f} s ({cpu_s:.2f} s of processor time), peak {peak:.0f} MB")
        print(f"{what}: times faster {ratio([each.seconds for each in every], [each.seconds for each in one])}")
        # Cores that share a cache, a clock or a neighbour do not double the work; this is what the machine gives.
        limit = [each.seconds / N_CORES for each in apart]
        print(f"{what}: times faster at the most {ratio(limit, [each.seconds for each in one])}", flush=True)


def starts(folder: Path, n_rounds: int) -> None:
    """Print the seconds from the command to its end: with programs in the cache, without, and for the help."""
    clip = repeated(folder / "clip.wav", 30)
    run([*OURS, str(clip)])
    for what, command in (("warm", [*OURS, str(clip)]), ("--help", [OURS[0], "--help"]), ("cold", [*OURS, str(clip)])):
        runs = []
        for number in range(n_rounds):
            cache = {"GENRESTREAM_CACHE": str(folder / f"cache{number}")} if what == "cold" else {}
            runs.append(run(command, environment=cache))
        times = sorted(one.seconds for one in runs)
        cpu_s, peak = np.median([one.cpu_s for one in runs]), max(one.peak_mb for one in runs)
        print(
            f"{what}: median {np.median(times):.3f} s, {times[0]:.3f} to {times[-1]:.3f} s of {n_rounds};"
            f" {cpu_s:.2f} s of processor time, peak {peak:.0f} MB",
            flush=True,
        )


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--musicnn", help="the Python of an environment with musicnn")
    parser.add_argument("--pairs", type=int, default=7, help="pairs of the 30 s clip")
    parser.add_argument("--long-pairs", type=int, default=3, help="pairs of the 30-minute file")
    parser.add_argument("--cores", type=int, default=0, help="pairs of one core and all")
    parser.add_argument("--starts", type=int, default=0, help="rounds of starts")
    parser.add_argument("--hours", type=float, default=10, help="length of the memory test; 0 leaves it out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.starts:
            starts(Path(folder), options.starts)
        if options.cores:
            cores(Path(folder), options.cores)
        if options.musicnn:
            against_musicnn("30 s clip", options.musicnn, repeated(Path(folder) / "clip.wav", 30), options.pairs)
            long = repeated(Path(folder) / "long.wav", 1800)
            against_musicnn("30 minutes, stereo 44.1 kHz", options.musicnn, long, options.long_pairs)
    if options.hours:
        minute, hours = from_pipe(1 / 60), from_pipe(options.hours)
        print(f"peak memory: 1 minute {minute.peak_mb:.0f} MB, {options.hours:g} hours {hours.peak_mb:.0f} MB")


if __name__ == "__main__":
    main()
