"""The server under load: sound to pixel, viewers, microphones, several inputs, and a simulated day.

::

    python -m benchmarks.serve --what viewers       # what 50 viewers of one stream cost
    python -m benchmarks.serve --what pixel         # from the sound to the picture in Chromium
    python -m benchmarks.serve --what inputs        # how many inputs one core keeps up with
    python -m benchmarks.serve --what microphones   # how many microphones one core keeps up with
    python -m benchmarks.serve --what day           # memory over 24 simulated hours

The music is examples/metal.ogg, again and again. Linux only; ``pixel`` needs chromium, chromium-driver and selenium.
"""

import contextlib
import dataclasses
import http.client
import json
import math
import os
import resource
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro

from genrestream.audio.source import AudioSource
from genrestream.live.config import ListenConfig
from genrestream.serve import server, turns
from genrestream.serve.config import HistoryConfig, ServeConfig
from genrestream.serve.inputs import InputConfig
from genrestream.serve.web.app import application
from genrestream.streaming.config import StreamConfig
from genrestream.ways_out.config import WaysOutConfig

METAL = Path(__file__).parent.parent / "examples" / "metal.ogg"
TICK_S = os.sysconf("SC_CLK_TCK")
BLOCK_S = 0.02  # of the sound that is piped in
CHANNELS, RATE = 8, 48_000  # FFmpeg reads a pipe in pieces of 32 KB, which are 21 ms of this
PULSE_S = 1.5  # from one burst of noise to the next
COUNTS = (1, 4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 64)


@dataclasses.dataclass(frozen=True)
class Config:
    """What to measure.

    Attributes:
        what: Which figure.
        viewers: Viewers of one stream.
        seconds: Length of each part that is measured.
        pairs: With viewers: how often without and with them, in turn.
        hours: With day: simulated hours.
        model: The model's name; of a day, ``cnn``, which is faster, unless given.
        growth_mb: With day: by how much the memory may grow after the first tenth.
    """

    what: Literal["viewers", "pixel", "inputs", "microphones", "day"]
    viewers: int = 50
    seconds: float = 15.0
    pairs: int = 4
    hours: float = 24.0
    model: str | None = None
    growth_mb: float = 30.0


class Served:
    """``genrestream serve`` in a process of its own.

    Args:
        arguments: Its options.
        core: The only core that it may use; all where None.
    """

    def __init__(self, *arguments: str, core: int | None = None, stdin: int | None = None):
        command = [sys.executable, "-m", "genrestream", "serve", "--port", "0", "--no-history", *arguments]
        if core is not None:
            command = ["taskset", "-c", str(core), *command]
        self._process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.url = self._process.stdout.readline().split()[0]
        self.host = self.url.removeprefix("http://").strip("/")

    def __enter__(self) -> "Served":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)

    def cpu_s(self) -> float:
        """Return the processor time that it used so far, in seconds."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK_S

    def ask(self, path: str) -> bytes:
        """Return what it answers."""
        connection = http.client.HTTPConnection(self.host, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", path)
            return connection.getresponse().read()

    def metric(self, start: str) -> list[float]:
        """Return the values of the metrics that begin so."""
        return [
            float(line.rsplit(" ", 1)[1])
            for line in self.ask("/metrics").decode().splitlines()
            if line.startswith(start)
        ]

    def until_answers(self) -> None:
        """Wait until each input has an answer."""
        while not all(one["probs"] for one in json.loads(self.ask("/api/now"))["inputs"]):
            time.sleep(0.2)


def share(served: Served, seconds: float) -> float:
    """Return the share of one core that a server uses for a while."""
    began_s, before_s = time.monotonic(), served.cpu_s()
    time.sleep(seconds)
    return (served.cpu_s() - before_s) / (time.monotonic() - began_s)


@contextlib.contextmanager
def watching(host: str, n_viewers: int) -> Iterator[None]:
    """Watch the events from so many connections, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.serve", "watch", host, str(n_viewers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


def watch(host: str, n_viewers: int) -> None:
    """Read the events from so many connections until it is killed, or the server ends."""
    name, _, port = host.rpartition(":")
    ready = selectors.DefaultSelector()
    for _ in range(n_viewers):
        one = socket.create_connection((name, int(port)))
        one.sendall(f"GET /events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        ready.register(one, selectors.EVENT_READ, one)
    print("watching", flush=True)
    while True:
        for key, _ in ready.select():
            if not key.data.recv(1 << 20):
                return


def viewers(config: Config) -> None:
    """Print what viewers cost: the paired difference of the server's processor time."""
    with Served("--source", str(METAL), "--loop", "--model", config.model or "musicnn-yamnet") as served:
        served.until_answers()
        differences, alone = [], []
        for _ in range(config.pairs):
            alone.append(share(served, config.seconds))
            with watching(served.host, config.viewers):
                differences.append(share(served, config.seconds) - alone[-1])
        print(f"without viewers {100 * statistics.median(alone):.1f} % of a core")
        print(f"{config.viewers} viewers: {100 * statistics.median(differences):.1f} % of a core more "
              f"({100 * min(differences):.1f} to {100 * max(differences):.1f} in {config.pairs} pairs)")  # fmt: skip
        print(f"messages that viewers were too slow for: {served.metric('genrestream_viewer_messages_dropped')[0]:.0f}")


HOOK = """
window.seen = {pixels: [], answers: []};
const Plain = window.EventSource;
let captured = 0, was = 0, quietSince = 0;
window.EventSource = class extends Plain {
  constructor(...given) {
    super(...given);
    this.addEventListener("message", (event) => {
      const message = JSON.parse(event.data);
      if (message.type === "chunk") captured = Date.parse(message.time);
      else if (message.type === "now" && captured) {
        const of = captured;
        captured = 0;
        requestAnimationFrame(() => requestAnimationFrame(() => window.seen.answers.push(Date.now() - of)));
      }
    });
  }
};
const look = () => {
  const canvas = document.getElementById("mel");
  if (canvas && canvas.width > 300) {
    const data = canvas.getContext("2d").getImageData(canvas.width - 2, canvas.height / 2, 1, 20).data;
    let sum = 0;
    for (let at = 0; at < data.length; at += 4) sum += 255 - data[at];
    const is = sum / 20 > 100 ? 1 : 0;
    if (is && !was) window.seen.pixels.push(Date.now());
    was = is;
  }
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


def pixel(config: Config) -> None:
    """Print how long sound takes to the picture: bursts of noise to the spectrogram, and chunks to the answer."""
    from selenium.webdriver import Chrome
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    reading, writing = os.pipe()
    raw = ["--raw-rate", str(RATE), "--raw-channels", str(CHANNELS), "--raw-format", "s32le"]
    with Served("--source", "-", *raw, "--model", config.model or "musicnn-yamnet", stdin=reading) as served:
        os.close(reading)
        bursts: list[float] = []
        stop = threading.Event()
        player = threading.Thread(target=_pulses, args=[writing, bursts, stop])
        player.start()
        options = Options()
        for argument in ("headless=new", "no-sandbox", "disable-gpu", "window-size=1366,900"):
            options.add_argument(f"--{argument}")
        chrome = Chrome(options, Service("/usr/bin/chromedriver"))
        try:
            chrome.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": HOOK})
            chrome.execute_cdp_cmd(
                "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "light"}]}
            )
            chrome.get(served.url)
            time.sleep(5 + config.seconds)
            seen = chrome.execute_script("return window.seen")
        finally:
            stop.set()
            player.join()
            os.close(writing)
            chrome.quit()
    delays = [
        after[0] - burst
        for burst in bursts
        if (after := [at / 1000 for at in seen["pixels"] if 0 <= at / 1000 - burst < PULSE_S])
    ]
    _delays("sound to the spectrogram's pixel", delays)
    _delays("a chunk's last sample to its answer on the page", [one / 1000 for one in seen["answers"]])


def _pulses(pipe: int, bursts: list[float], stop: threading.Event) -> None:
    """Write silence with bursts of noise into a pipe, in real time; note when each burst was written."""
    rng = np.random.default_rng(0)
    n_samples = round(BLOCK_S * RATE)
    began_s, n_blocks, per_pulse = time.monotonic(), 0, round(PULSE_S / BLOCK_S)
    while not stop.is_set():
        is_loud = n_blocks % per_pulse < per_pulse // 3
        block = (rng.normal(size=(n_samples, 1)) * (3e8 if is_loud else 3e3)).astype("<i4").repeat(CHANNELS, 1)
        late_s = time.monotonic() - began_s - n_blocks * BLOCK_S
        time.sleep(max(0.0, -late_s))
        if late_s > 0.1:  # the pipe was full: go on from here, and do not catch up
            began_s += late_s
        if n_blocks % per_pulse == 0:
            bursts.append(time.time() - BLOCK_S)  # its first sample was recorded so long before it is handed over
        os.write(pipe, block.tobytes())
        n_blocks += 1


def _delays(what: str, delays: Sequence[float]) -> None:
    if not delays:
        print(f"{what}: nothing was seen")
        return
    p50, p95 = np.percentile(delays, [50, 95])
    print(
        f"{what}: p50 {1000 * p50:.0f} ms, p95 {1000 * p95:.0f} ms,"
        f" largest {1000 * max(delays):.0f} ms of {len(delays)}"
    )


def inputs(config: Config) -> None:
    """Print how many inputs one core keeps up with."""
    for count in COUNTS:
        names = [f"--input=i{number}={METAL}" for number in range(count)]
        with Served(*names, "--loop", "--model", config.model or "musicnn-yamnet", core=0) as served:
            served.until_answers()
            if not _keeps_up(served, f"{count} inputs", count, config.seconds, []):
                return


def microphones(config: Config) -> None:
    """Print how many microphones one core keeps up with; their samples come from this process, on the other cores."""
    with AudioSource(METAL) as source:
        music = np.concatenate([block.mean(axis=0) for block, _ in source]).astype("<f4")
    for count in COUNTS:
        options = ["--no-input", "--max-sessions", str(count), "--model", config.model or "musicnn-yamnet"]
        with Served(*options, core=0) as served:
            stop, problems = threading.Event(), list[str]()
            speakers = [
                threading.Thread(target=_speak, args=[served.host, music, stop, problems]) for _ in range(count)
            ]
            for speaker in speakers:
                speaker.start()
            time.sleep(6)
            what = f"{count} microphones"
            is_fast = _keeps_up(served, what, count, config.seconds, problems)
            stop.set()
            for speaker in speakers:
                speaker.join()
            if not is_fast:
                return


def _keeps_up(served: Served, what: str, count: int, seconds: float, problems: Sequence[str]) -> bool:
    """Print a line on a server that works; return whether each stream has an answer a second and loses nothing."""
    before, used = sum(served.metric("genrestream_delay_seconds_count")), share(served, seconds)
    answers = (sum(served.metric("genrestream_delay_seconds_count")) - before) / seconds / count
    dropped = sum(served.metric("genrestream_dropped_blocks"))
    slowest = max(served.metric("genrestream_delay_seconds{")[1::3] or [0.0])
    is_fast = answers > 0.93 and not dropped and not problems
    verdict = problems[0] if problems else "" if is_fast else "too many"
    print(
        f"{what} on one core: {100 * used:.0f} % of it, {answers:.2f} answers a second each,"
        f" p95 {1000 * slowest:.0f} ms, {dropped:.0f} blocks dropped  {verdict}",
        flush=True,
    )
    return is_fast


def _speak(host: str, music: np.ndarray, stop: threading.Event, problems: list[str]) -> None:
    """Send music to ``/listen`` in real time, and read what comes back."""
    import wsproto
    from wsproto import events

    name, _, port = host.rpartition(":")
    connection = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
    with socket.create_connection((name, int(port)), timeout=60) as one:
        one.sendall(connection.send(events.Request(host=host, target="/listen?rate=44100&live=1")))
        connection.receive_data(one.recv(4096))  # the answer to the handshake
        list(connection.events())
        one.setblocking(False)
        began_s, n_sent, ready = time.monotonic(), 0, selectors.DefaultSelector()
        ready.register(one, selectors.EVENT_READ)
        while not stop.is_set():
            place = n_sent % (len(music) - 4096)
            data = connection.send(events.BytesMessage(data=music[place : place + 4096].tobytes()))
            n_sent += 4096
            try:
                one.sendall(data)
                for _ in ready.select(max(0.0, began_s + n_sent / 44_100 - time.monotonic())):
                    connection.receive_data(one.recv(1 << 20))
                    list(connection.events())
            except OSError as error:
                problems.append(f"the server does not take samples in time ({error})")
                return
            time.sleep(max(0.0, began_s + n_sent / 44_100 - time.monotonic()))


def day(config: Config) -> bool:
    """Print the memory over simulated hours, with a viewer and a history; return whether it stayed flat."""
    model = turns.load(config.model or "cnn")
    listen = ListenConfig(source=str(METAL), loop=True, speed=math.inf, stream=StreamConfig(hop_s=3.0))
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        kept = HistoryConfig(history=f"{folder}/history.sqlite")
        chosen = [(InputConfig("main", listen), None)]
        listening = stack.enter_context(server.bound(ServeConfig(port=0)))
        parts = stack.enter_context(server.prepared(ServeConfig(port=0), kept, WaysOutConfig(), chosen, model, print))
        running = server.made(application(parts), parts.hub)
        thread = threading.Thread(target=running.run, args=[[listening]])
        thread.start()
        host = f"127.0.0.1:{listening.getsockname()[1]}"
        while not running.started:
            time.sleep(0.1)
        memory: list[float] = []
        with watching(host, 1):
            while (hours := parts.inputs["main"].now.time_s / 3600) < config.hours:
                if hours >= len(memory) * config.hours / 24:
                    memory.append(_memory_mb())
                    print(f"{datetime.now():%H:%M:%S}  {hours:5.1f} h  {memory[-1]:.0f} MB", flush=True)
                time.sleep(0.05)
        running.should_exit = True
        thread.join()
        grown = memory[-1] - memory[max(1, len(memory) // 10)]
        size_mb = sum(path.stat().st_size for path in Path(folder).iterdir()) / 2**20
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"grown by {grown:.0f} MB after the first tenth, peak {peak_mb:.0f} MB, history {size_mb:.1f} MB")
        return grown <= config.growth_mb


def _memory_mb() -> float:
    """Return what this process holds now, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main(config: Config) -> int:
    """Measure, and return the exit code."""
    runs: dict[str, Callable[[Config], Any]] = {
        "viewers": viewers, "pixel": pixel, "inputs": inputs, "microphones": microphones, "day": day,
    }  # fmt: skip
    return 1 if runs[config.what](config) is False else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["watch"]:  # the viewers, in a process of their own
        watch(sys.argv[2], int(sys.argv[3]))
    sys.exit(main(tyro.cli(Config, description=__doc__)))
