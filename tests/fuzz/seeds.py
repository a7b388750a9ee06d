"""What is damaged: the same seconds of music in each container, made by FFmpeg."""

from pathlib import Path
from typing import Any

import av
import numpy as np

from genrestream.audio.source import AudioSource
from tests.conftest import METAL, encode

LENGTH_S, RATE = 3, 44_100
# By file name: FFmpeg's names of the container, where the suffix does not say it, and of the codec.
CONTAINERS = {
    "s16.wav": ("wav", "pcm_s16le"),
    "f32.wav": ("wav", "pcm_f32le"),
    "pcm.w64": ("w64", "pcm_s16le"),
    "pcm.aiff": ("aiff", "pcm_s16be"),
    "alac.caf": ("caf", "alac"),
    "pcm.au": ("au", "pcm_s16be"),
    "bare.flac": ("flac", "flac"),
    "ogg.opus": ("ogg", "libopus"),
    "lame.mp3": ("mp3", "libmp3lame"),
    "adts.aac": ("adts", "aac"),
    "aac.m4a": ("ipod", "aac"),
    "pcm.mov": ("mov", "pcm_s16le"),
    "aac.mka": ("matroska", "aac"),
    "ac3.mkv": ("matroska", "ac3"),
    "opus.webm": ("webm", "libopus"),
    "mp3.avi": ("avi", "libmp3lame"),
    "bare.mp2": ("mp2", "mp2"),
    "bare.ac3": ("ac3", "ac3"),
    "wma2.wma": ("asf", "wmav2"),
    "pack.wv": ("wv", "wavpack"),
    "true.tta": ("tta", "tta"),
    "aac.flv": ("flv", "aac"),
    "mp2.ts": ("mpegts", "mp2"),
}


def write(folder: Path) -> None:
    """Write the seeds into a folder."""
    samples = _music()
    for name, (container, codec) in CONTAINERS.items():
        encode(folder / name, samples, 48_000 if codec == "libopus" else RATE, codec, container=container)
    _rf64(folder / "s16.wav", folder / "long.rf64")
    _vorbis(folder / "vorbis.ogg")


def names() -> list[str]:
    """Return the names of the seeds."""
    return [*CONTAINERS, "long.rf64", "vorbis.ogg"]


def _music() -> np.ndarray:
    with AudioSource(METAL) as source:
        samples = np.concatenate([block for block, _ in source], axis=1)
    return samples[:, : LENGTH_S * RATE]


def _rf64(wav: Path, path: Path) -> None:
    """Write a WAV as RF64, whose sizes are in a chunk of their own."""
    content = wav.read_bytes()
    place = content.index(b"data") + 8
    sizes = (len(content) + 28, len(content) - place, (len(content) - place) // 4)
    ds64 = b"".join([b"ds64", (28).to_bytes(4, "little"), *(size.to_bytes(8, "little") for size in sizes), bytes(4)])
    unknown = b"\xff" * 4
    path.write_bytes(b"RF64" + unknown + b"WAVE" + ds64 + content[12 : place - 4] + unknown + content[place:])


def _vorbis(path: Path) -> None:
    """Copy the first packets of the example: FFmpeg's own Vorbis encoder is experimental."""
    with av.open(str(METAL)) as source, av.open(str(path), "w") as file:
        stream: Any = file.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.pts is None or float(packet.pts * (packet.time_base or 0)) >= LENGTH_S:
                break
            packet.stream = stream
            file.mux(packet)
