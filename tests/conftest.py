"""What several tests need: a cache of their own, a model loaded once, real files in real formats."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import genrestream

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
METAL = EXAMPLES / "metal.ogg"
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session", autouse=True)
def interruptible():
    """A shell that runs the tests in the background ignores Ctrl-C for them and their commands, nohup a hang-up."""
    for name, handler in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Keep compiled programs out of the user's own cache, and taught models out of the user's own."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["GENRESTREAM_CACHE"] = str(folder)
    os.environ["GENRESTREAM_MODELS"] = str(tmp_path_factory.mktemp("models"))
    return folder


@pytest.fixture(scope="session")
def default(cache):
    """The default model; what it compiles is in the cache for the commands that the tests run."""
    return genrestream.load()


@pytest.fixture(scope="session")
def model(cache):
    return genrestream.load("musicnn")  # takes any sound for music, also what the tests make up


@pytest.fixture(scope="session")
def tags(cache):
    return genrestream.load("musicnn-tags")


@pytest.fixture(scope="session")
def golden():
    return dict(np.load(ROOT / "tests" / "golden" / "musicnn.npz"))


def as_another_user(folder: Path) -> list[str]:
    """Return what to put before a command so that permissions hold for it, also for root, who may read everything.

    The other user is let into `folder` and those above it; where it cannot import the package, the test is skipped.
    """
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        pytest.skip("root may read everything, and setpriv (util-linux), which would make it another user, is missing")
    prefix = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"]
    for above in [folder, *folder.parents]:
        if above.stat().st_uid == 0 and above.is_relative_to(tempfile.gettempdir()):
            os.chmod(above, above.stat().st_mode | 0o055)
    trial = [*prefix, sys.executable, "-c", "import genrestream"]
    if subprocess.run(trial, capture_output=True, cwd="/", check=False).returncode:
        pytest.skip("another user cannot import genrestream here: it is installed in a private folder")
    return prefix


def music(seconds: float, sample_rate: int = 16_000, n_channels: int = 1, seed: int = 0) -> np.ndarray:
    """Make chords with noise that change each second, float32, shape (n_channels, n_samples), peak 0.5."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * sample_rate)) / sample_rate
    second = time_s.astype(int)
    waveform = 0.05 * rng.normal(size=(n_channels, len(time_s)))
    for _ in range(4):
        pitch_hz = rng.uniform(80, min(3000, sample_rate / 3), size=second.max(initial=0) + 1)
        waveform += np.sin(2 * np.pi * pitch_hz[second] * time_s) * np.exp(-3 * (time_s % 0.5))
    return (0.5 * waveform / np.abs(waveform).max()).astype(np.float32)


def encode(
    path: Path, samples: np.ndarray, sample_rate: int, codec: str, video: bool = False, container: str | None = None
):
    """Write a file with FFmpeg's own encoders, with a picture track where asked."""
    n_channels = len(samples)
    with av.open(str(path), "w", format=container) as file:
        picture: Any = file.add_stream("mpeg4" if path.suffix == ".mp4" else "libvpx", rate=5) if video else None
        layout = {1: "mono", 2: "stereo", 8: "7.1"}[n_channels]
        stream: Any = file.add_stream(codec, rate=sample_rate, layout=layout)
        stream.bit_rate = 128_000
        if picture:
            picture.width = picture.height = 64
            picture.pix_fmt = "yuv420p"
            for _ in range(round(5 * samples.shape[1] / sample_rate)):
                file.mux(picture.encode(av.VideoFrame(64, 64, "yuv420p")))
            file.mux(picture.encode(None))
        frame = av.AudioFrame.from_ndarray(samples.T.reshape(1, -1).copy(), format="flt", layout=layout)
        frame.sample_rate = sample_rate
        resampler = av.AudioResampler(
            stream.format, stream.layout, sample_rate, stream.codec_context.frame_size or None
        )
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    return path


@pytest.fixture(scope="session")
def wav(tmp_path_factory):
    """A 10 s WAV file."""
    return encode(tmp_path_factory.mktemp("wav") / "song.wav", music(10), 16_000, "pcm_s16le")


def command(*arguments: object, prefix: Sequence[str] = (), **options) -> subprocess.CompletedProcess:
    """Run the genrestream command as a user does, in a process of its own."""
    options = {"capture_output": True, "text": True, "timeout": 120} | options
    return subprocess.run([*prefix, sys.executable, "-m", "genrestream", *map(str, arguments)], **options)
