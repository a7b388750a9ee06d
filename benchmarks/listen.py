"""Live listening measured: delay, dropped blocks, CPU and memory, with a separate PulseAudio server.

::

    python -m benchmarks.listen --minutes 30          # music over PulseAudio in real time: delay, drops, CPU share
    python -m benchmarks.listen --soak-hours 24       # a day from a source faster than real time: memory

The music is the clips in examples/, repeated. Linux only; needs pulseaudio, pulseaudio-utils, libasound2-plugins and
libportaudio2.
"""

import dataclasses
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import tyro

from train.data.decode import waveform_of

ROOT = Path(__file__).parent.parent
RATE = 16_000
SOAK_BASE_S = 60.0  # seconds of the stream until the first measurement of memory
READY_S = 30.0


@dataclasses.dataclass(frozen=True)
class Config:
    """What to measure.

    Attributes:
        minutes: Minutes of playing over PulseAudio; 0 for none.
        soak_hours: Hours of stream to simulate; 0 for none.
        hop_s: Seconds between answers.
        model: The model's name.
    """

    minutes: float = 0.0
    soak_hours: float = 0.0
    hop_s: float = 1.0
    model: str = "musicnn"


def main(config: Config) -> None:
    """Run the measurements that the options name."""
    if not config.minutes and not config.soak_hours:
        sys.exit("nothing to do; give --minutes 30 or --soak-hours 24")
    if config.minutes:
        live(config)
    if config.soak_hours:
        soak(config)


def live(config: Config) -> None:
    """Play through a null sink for some minutes while the command listens to its monitor; print its statistics."""
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "XDG_RUNTIME_DIR": folder, "PULSE_RUNTIME_PATH": folder}
        modules = ["-L", "module-null-sink sink_name=loop", "-L", "module-native-protocol-unix"]
        server = subprocess.Popen(["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", *modules], env=env)
        try:
            _wait_for(["pactl", "set-default-source", "loop.monitor"], env)
            stopping = threading.Event()
            player = threading.Thread(target=_play, args=(env, stopping))
            player.start()
            command = _command(config, "--duration-s", str(60 * config.minutes), "--output", f"{folder}/out.jsonl")
            code = subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=False).returncode
            stopping.set()
            player.join()
            print(f"{config.minutes:g} minutes over PulseAudio, hop {config.hop_s:g} s, exit code {code}")
        finally:
            server.terminate()
            server.wait()


def soak(config: Config) -> None:
    """Feed hours of music through a pipe as fast as it is read; compare the memory at the start and at the end."""
    pcm, total_s, fed_s = (_music() * 32767).astype("<i2").tobytes(), 3600 * config.soak_hours, 0.0
    raw = ["--source", "-", "--speed", "inf", "--raw-rate", str(RATE)]
    began_s, base_mb, last_mb = time.monotonic(), 0.0, 0.0
    with subprocess.Popen(_command(config, *raw), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stdin
        while fed_s < total_s:
            process.stdin.write(pcm)
            fed_s += len(pcm) / 2 / RATE
            last_mb = _memory_mb(process.pid)
            if not base_mb and fed_s > SOAK_BASE_S:
                base_mb = last_mb
                print(f"after {fed_s / 60:.1f} minutes: {base_mb:.1f} MB", flush=True)
        process.send_signal(signal.SIGINT)
        process.stdin.close()
        process.wait()
    elapsed_s = time.monotonic() - began_s
    print(f"after {fed_s / 3600:.2f} hours, {fed_s / elapsed_s:.0f} times real time: {last_mb:.1f} MB")
    print(f"difference {last_mb - base_mb:+.1f} MB")


def _command(config: Config, *more: str) -> list[str]:
    options = ["--hop-s", str(config.hop_s), "--model", config.model, "--stats"]
    return [sys.executable, "-m", "genrestream", "listen", *options, *more]


def _play(env: dict[str, str], stopping: threading.Event) -> None:
    while not stopping.is_set():
        for song in sorted((ROOT / "examples").glob("*.ogg")):
            with subprocess.Popen(["paplay", str(song)], env=env) as player:
                while player.poll() is None:
                    if stopping.wait(0.2):
                        player.kill()
                        return


def _music() -> np.ndarray:
    return np.concatenate([waveform_of(song, RATE)[0] for song in sorted((ROOT / "examples").glob("*.ogg"))])


def _memory_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _wait_for(command: list[str], env: dict[str, str]) -> None:
    end_s = time.monotonic() + READY_S
    while subprocess.run(command, env=env, capture_output=True, check=False).returncode:
        if time.monotonic() > end_s:
            sys.exit(f"{' '.join(command)}: the PulseAudio server does not answer")
        time.sleep(0.1)


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
