"""The inputs of this machine: microphones, and monitors of what it plays."""

import contextlib
import dataclasses
import os
import re
import shutil
import subprocess
from typing import Any

from genrestream.errors import AudioError, OptionError

# Names that systems give to an input that records the machine's own sound.
LOOPBACK = re.compile(r"monitor|loopback|stereo mix|what u hear|wave out mix|blackhole|soundflower|cable output", re.I)
MADE_UP_CHANNELS = 32  # ALSA's plugins claim this many or more, whatever the hardware has
PACTL_TIMEOUT_S = 2.0


@dataclasses.dataclass(frozen=True)
class Device:
    """One input.

    Attributes:
        index: Its number, as ``--device`` takes it.
        name: Its name; ``--device`` takes any part of it.
        host: Its audio system, such as ALSA or Core Audio.
        n_channels: Its number of channels.
        sample_rate: Its own rate in Hz.
        is_default: Whether it is the default input.
        is_loopback: Whether it records what the machine plays.
        portaudio_index: Number of the PortAudio device that records from it.
        pulse_source: Its name on the PulseAudio or PipeWire server, if it is a source of one.
    """

    index: int
    name: str
    host: str
    n_channels: int
    sample_rate: int
    is_default: bool
    is_loopback: bool
    portaudio_index: int
    pulse_source: str | None = None

    def __str__(self) -> str:
        marks = "".join(f"  [{mark}]" for mark, holds in self._marks().items() if holds)
        channels = f"{self.n_channels} channel{'s' * (self.n_channels != 1)}"
        return f"{self.index:>3}  {self.name}  ({self.host}, {channels}, {self.sample_rate} Hz){marks}"

    def _marks(self) -> dict[str, bool]:
        return {"default": self.is_default, "loopback: records what this machine plays": self.is_loopback}


def portaudio() -> Any:
    """Return the sounddevice module, imported when first needed.

    Raises:
        AudioError: It or the PortAudio library is missing.
    """
    try:
        import sounddevice
    except ImportError as error:
        raise AudioError("microphone: needs sounddevice; pip install 'genrestream[live]'") from error
    except OSError as error:
        raise AudioError(
            "microphone: the PortAudio library is missing; install it (Debian, Ubuntu: apt install libportaudio2;"
            " Fedora: dnf install portaudio; macOS: brew install portaudio)"
        ) from error
    return sounddevice


def rescan() -> None:
    """Let PortAudio look for devices again: it only finds devices when it is initialized."""
    sounddevice = portaudio()
    with contextlib.suppress(sounddevice.PortAudioError):  # it is not initialized where that failed the last time
        sounddevice._terminate()
    sounddevice._initialize()


def inputs() -> list[Device]:
    """Return this machine's inputs, PortAudio's first, then the sources of a PulseAudio or PipeWire server.

    Raises:
        AudioError: There is none, or the PortAudio library is missing.
    """
    sounddevice = portaudio()
    hosts = sounddevice.query_hostapis()
    sources, default_source = _pulse_sources(), _pactl("get-default-source").strip()
    default, found = sounddevice.default.device[0], []
    for index, facts in enumerate(sounddevice.query_devices()):
        if not facts["max_input_channels"]:
            continue
        name, host = facts["name"], hosts[facts["hostapi"]]["name"]
        behind = default_source if name in ("default", "pulse") and host == "ALSA" else name
        n_channels = facts["max_input_channels"] if facts["max_input_channels"] < MADE_UP_CHANNELS else 2
        found.append(
            Device(
                index=index, name=name, host=host, n_channels=n_channels, sample_rate=int(facts["default_samplerate"]),
                is_default=index == default, is_loopback=bool(LOOPBACK.search(behind)), portaudio_index=index,
            )
        )  # fmt: skip
    if not found:
        raise AudioError("microphone: this machine has no input; connect one, or play a file with --source FILE")
    through = next((device.index for device in found if device.name == "pulse"), None)
    if through is None:
        return found
    first = len(sounddevice.query_devices())
    return found + [
        Device(
            index=first + place, name=name, host="PulseAudio source", n_channels=n_channels, sample_rate=sample_rate,
            is_default=False, is_loopback=bool(LOOPBACK.search(name)), portaudio_index=through, pulse_source=name,
        )
        for place, (name, n_channels, sample_rate) in enumerate(sources)
    ]  # fmt: skip


def pick(choice: str | None) -> Device:
    """Return the input that was chosen by number or by part of its name, or the default one.

    Raises:
        UsageError: No input, or more than one, has that name or number.
        AudioError: There is no input at all, no default one, or no PortAudio library.
    """
    devices = inputs()
    if choice is None:
        default = [device for device in devices if device.is_default]
        if not default:
            raise AudioError("microphone: there is no default input; choose one of 'genrestream devices' with --device")
        return default[0]
    exact = [device for device in devices if choice in (str(device.index), device.name)]
    named = exact or [device for device in devices if choice.lower() in device.name.lower()]
    if not named:
        raise OptionError("device", choice, "no such input; 'genrestream devices' lists them")
    if len(named) > 1 and len({device.name for device in named}) > 1:
        names = ", ".join(f"{device.index} {device.name}" for device in named)
        raise OptionError("device", choice, f"is part of several names ({names}); give more of it, or its number")
    return named[0]


def is_there(device: Device) -> bool:
    """Whether a PulseAudio source still exists: where it does not, the server gives its listeners another one.

    Other devices, and a server that does not answer, end their stream or fall silent: they count as there.
    """
    names = [name for name, _, _ in _pulse_sources()] if device.pulse_source else []
    return not names or device.pulse_source in names


def _pulse_sources() -> list[tuple[str, int, int]]:
    """Return name, channels and rate of each of the server's sources; none where there is no server."""
    sources = []
    for line in _pactl("list", "short", "sources").splitlines():
        fields = line.split("\t")
        if len(fields) >= 4 and (spec := re.search(r"(\d+)ch (\d+)Hz", fields[3])):
            sources.append((fields[1], int(spec[1]), int(spec[2])))
    return sources


def _pactl(*arguments: str) -> str:
    if shutil.which("pactl") is None:
        return ""
    try:
        done = subprocess.run(
            ["pactl", *arguments], capture_output=True, text=True, timeout=PACTL_TIMEOUT_S,
            env={**os.environ, "LC_ALL": "C"}, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
