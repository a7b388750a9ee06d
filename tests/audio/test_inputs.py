"""What is no plain music: tags in old encodings, several tracks, scripts, pipes, one-bit audio."""

import os
import subprocess
import sys
import threading

import av
import numpy as np
import pytest
from av.stream import Disposition

from genrestream.audio.source import AudioSource
from genrestream.errors import AudioError
from tests.conftest import METAL, ROOT, SHARED, music

LATIN_1 = "Édith Piaf: “café”".encode("cp1252")


def read(source, track=None):
    with AudioSource(source, track=track) as opened:
        blocks = [block for block, _ in opened]
    return np.concatenate(blocks, axis=1), opened


TAGGED = [("mp3", "libmp3lame"), ("flac", "flac"), ("m4a", "aac"), ("mka", "aac"), ("wav", "pcm_s16le"),
          ("aiff", "pcm_s16be"), ("avi", "libmp3lame"), ("opus", "libopus"), ("wma", "wmav2")]  # fmt: skip


@pytest.mark.parametrize(("suffix", "codec"), TAGGED)
def test_tags_that_are_no_utf_8(tmp_path, suffix, codec):
    """A tag written as UTF-8 of as many bytes is replaced by one in Windows-1252."""
    rate = 48_000 if codec == "libopus" else 44_100
    path, samples, place = tmp_path / f"song.{suffix}", music(2, rate), "X" * len(LATIN_1)
    with av.open(str(path), "w") as file:
        file.metadata["title"] = file.metadata["comment"] = place
        stream = file.add_stream(codec, rate=rate, layout="mono")
        stream.bit_rate = 128_000
        frame = av.AudioFrame.from_ndarray(samples, format="flt", layout="mono")
        frame.sample_rate = rate
        size = stream.codec_context.frame_size or None
        resampler = av.AudioResampler(stream.format, stream.layout, rate, size)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    content = path.read_bytes()
    wide = "".join(place).encode("utf-16-le")
    assert place.encode() in content or wide in content
    content = content.replace(place.encode(), LATIN_1)
    path.write_bytes(with_checksum(content, content.index(b"OggS", 1)) if suffix == "opus" else content)
    decoded, opened = read(path)
    assert decoded.shape[1] == pytest.approx(2 * rate, rel=0.1)
    assert not opened.problems


def with_checksum(content, at):
    """Write the checksum of the Ogg page that begins there."""
    n_segments = content[at + 26]
    page = bytearray(content[at : at + 27 + n_segments + sum(content[at + 27 : at + 27 + n_segments])])
    page[22:26], crc = bytes(4), 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x8000_0000 else 0)) & 0xFFFF_FFFF
    page[22:26] = crc.to_bytes(4, "little")
    return content[:at] + page + content[at + len(page) :]


@pytest.mark.parametrize("name", ["latin1_comment.flac", "latin1_id3v1.mp3", "latin1_info.wav"])
def test_tags_found_in_the_field(name):
    if not (SHARED / "faults" / name).exists():
        pytest.skip("the shared faults are not beside this checkout")
    assert read(SHARED / "faults" / name)[1].ending.at_s == pytest.approx(7, abs=0.1)


@pytest.fixture
def two_tracks(tmp_path):
    """A film with two audio tracks, silence and music, of which the second is marked as default."""
    path, samples = tmp_path / "film.mkv", music(2)
    with av.open(str(path), "w") as file:
        streams = [file.add_stream("pcm_s16le", rate=16_000, layout="mono") for _ in range(2)]
        streams[0].disposition, streams[1].disposition = Disposition(0), Disposition.default
        for stream, waveform in zip(streams, (0 * samples, samples), strict=True):
            frame = av.AudioFrame.from_ndarray((waveform * 32_767).astype(np.int16), format="s16", layout="mono")
            frame.sample_rate = 16_000
            for packet in [*stream.encode(frame), *stream.encode(None)]:
                packet.stream = stream
                file.mux(packet)
    return path


def test_the_default_track_is_taken_and_another_on_request(two_tracks):
    decoded, opened = read(two_tracks)
    assert np.abs(decoded).max() > 0.4
    assert opened.notes == ["2 audio tracks; track 2 is the default one, --track takes another"]
    assert not opened.problems
    assert np.abs(read(two_tracks, track=1)[0]).max() == 0
    assert read(two_tracks, track=2)[1].notes == []


@pytest.mark.parametrize("track", [0, -1, 3])
def test_a_track_that_is_not_there(two_tracks, track):
    with pytest.raises(AudioError, match=f"has no audio track {track}; it has 2, counted from 1"):
        AudioSource(two_tracks, track=track)


SCRIPTS = {
    "endless.wav": (b"-SE\nall: pink/40 100/20\nNOW all\n", "script"),
    "list.mp3": (b"ffconcat version 1.0\nfile metal.ogg\n", "playlist"),
    "list.m3u8": (b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nmetal.ogg\n#EXT-X-ENDLIST\n", "playlist"),
    "session.wav": (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=audio 5004 RTP/AVP 0\r\nc=IN IP4 127.0.0.1\r\n", "playlist"),
    "art.ans": (b"\x1b[31mhello\x1b[0m" * 50, "text"),
    "list.pls": (b"[playlist]\nFile1=metal.ogg\n", "playlist"),
    "list.m3u": (b"#EXTM3U\nmetal.ogg\n", "playlist"),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_makes_sound_or_opens_other_files_is_refused_by_name(tmp_path, name):
    content, said = SCRIPTS[name]
    (tmp_path / "metal.ogg").write_bytes(METAL.read_bytes())
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AudioError, match=f"{name}: .*{said}"):
        AudioSource(tmp_path / name)


def test_a_fifo_that_is_named_is_read(tmp_path, wav):
    os.mkfifo(tmp_path / "fifo")
    writer = threading.Thread(target=(tmp_path / "fifo").write_bytes, args=(wav.read_bytes(),))
    writer.start()
    assert read(tmp_path / "fifo")[0].shape == (1, 160_000)
    writer.join()


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null"])
def test_a_device_is_refused(path):
    with pytest.raises(AudioError, match="device"):
        AudioSource(path)


@pytest.mark.parametrize("times", [64, 128, 256, 512])
def test_one_bit_audio_of_every_rate(tmp_path, times):
    rate, n_bytes = 44_100 * times, 44_100 * times // 8
    n_bytes -= n_bytes % 4096
    form = (1).to_bytes(4, "little") + bytes(4) + (1).to_bytes(4, "little") + (1).to_bytes(4, "little")
    form += rate.to_bytes(4, "little") + (1).to_bytes(4, "little") + (8 * n_bytes).to_bytes(8, "little")
    form += (4096).to_bytes(4, "little") + bytes(4)
    body = b"fmt " + (52).to_bytes(8, "little") + form + b"data" + (12 + n_bytes).to_bytes(8, "little")
    head = b"DSD " + (28).to_bytes(8, "little") + (28 + len(body) + n_bytes).to_bytes(8, "little") + bytes(8)
    path = tmp_path / "song.dsf"
    path.write_bytes(head + body + b"\x69" * n_bytes)
    decoded, opened = read(path)
    assert decoded.shape == (1, n_bytes)
    assert not opened.problems


HEAVY = "{'jax', 'librosa', 'rich', 'urllib.request', 'http.client', 'xml'}"


def test_reading_needs_no_heavy_import_and_prints_nothing():
    script = f"import sys\nfrom genrestream.audio.source import AudioSource\nlist(AudioSource({str(METAL)!r}))\n"
    script += f"print(sorted({HEAVY} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
