import http.server
import io
import threading
from functools import partial

import numpy as np
import pytest

from genrestream.audio.formats import RawFormat
from genrestream.audio.listing.folders import expand
from genrestream.audio.pcm import planes
from genrestream.audio.source import AudioSource
from genrestream.errors import AudioError, UsageError
from tests.conftest import METAL, encode, music

FORMATS = [
    ("wav", "pcm_s16le"), ("wav", "pcm_u8"), ("wav", "pcm_s24le"), ("wav", "pcm_f32le"), ("flac", "flac"),
    ("mp3", "libmp3lame"), ("ogg", "libopus"), ("opus", "libopus"), ("m4a", "aac"), ("aac", "aac"),
    ("aiff", "pcm_s16be"), ("wma", "wmav2"), ("caf", "pcm_s16le"), ("au", "pcm_mulaw"),
]  # fmt: skip


def decode(source, raw=None):
    with AudioSource(source, raw) as opened:
        blocks = list(opened)
    return np.concatenate([block for block, _ in blocks], axis=1), {rate for _, rate in blocks}, opened


@pytest.mark.parametrize(("suffix", "codec"), FORMATS)
@pytest.mark.parametrize("n_channels", [1, 2])
def test_every_format_is_decoded(tmp_path, suffix, codec, n_channels):
    rate = 48_000 if codec == "libopus" else 44_100
    samples = music(2, rate, n_channels)
    decoded, rates, opened = decode(encode(tmp_path / f"song.{suffix}", samples, rate, codec))
    assert rates == {rate}
    assert len(decoded) == n_channels
    assert decoded.dtype == np.float32
    assert decoded.shape[1] / rate == pytest.approx(2, abs=0.15)
    assert np.abs(decoded).max() == pytest.approx(0.5, abs=0.15)
    assert not opened.problems


def test_ogg_vorbis_is_decoded():
    decoded, rates, _ = decode(METAL)
    assert rates == {44_100}
    assert decoded.shape[1] / 44_100 == pytest.approx(30, abs=0.1)


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "aac"), ("webm", "libopus"), ("mkv", "aac")])
def test_sound_of_a_video_is_decoded(tmp_path, suffix, codec):
    samples = music(2, 48_000, 2)
    decoded, _, _ = decode(encode(tmp_path / f"film.{suffix}", samples, 48_000, codec, video=True))
    assert decoded.shape[1] / 48_000 == pytest.approx(2, abs=0.15)


def test_lossless_samples_are_the_samples(tmp_path):
    samples = music(1, 44_100, 2)
    decoded, _, _ = decode(encode(tmp_path / "song.wav", samples, 44_100, "pcm_f32le"))
    np.testing.assert_allclose(decoded, samples, atol=1e-6)


@pytest.mark.parametrize(("suffix", "codec", "rate"), [("wav", "pcm_s16le", 192_000), ("m4a", "aac", 48_000)])
def test_eight_channels(tmp_path, suffix, codec, rate):
    """Interleaved at 192 kHz, and in planes."""
    decoded, rates, _ = decode(encode(tmp_path / f"song.{suffix}", music(1, rate, 8), rate, codec))
    assert len(decoded) == 8
    assert decoded.shape[1] == pytest.approx(rate, abs=3000)
    assert rates == {rate}


def test_a_file_object_is_a_source(wav):
    assert decode(io.BytesIO(wav.read_bytes()))[0].shape == (1, 160_000)


@pytest.mark.parametrize(("raw_format", "dtype"), [("s16le", "<i2"), ("f32le", "<f4"), ("u8", "u1"), ("s32be", ">i4")])
def test_raw_samples(raw_format, dtype):
    samples = music(1, 22_050, 2)
    scale = {"f": 1, "i": 2.0 ** (8 * np.dtype(dtype).itemsize - 1), "u": 128}[np.dtype(dtype).kind]
    packed = (samples.T * scale + (128 if dtype == "u1" else 0)).astype(dtype).tobytes()
    decoded, rates, _ = decode(io.BytesIO(packed), RawFormat(22_050, 2, raw_format))
    assert rates == {22_050}
    np.testing.assert_allclose(decoded, samples, atol=1.1 / scale if scale > 1 else 1e-6)


def test_a_stream_over_http(wav):
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(wav.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        assert decode(f"{address}/song.wav")[0].shape == (1, 160_000)
        with pytest.raises(AudioError, match=r"nothing\.wav: .*404"):
            AudioSource(f"{address}/nothing.wav")
        server.shutdown()


def test_an_address_where_nobody_answers():
    with pytest.raises(AudioError, match=r"http://127\.0\.0\.1:1/x: connection refused"):
        AudioSource("http://127.0.0.1:1/x")


@pytest.mark.parametrize("entry", ["", "file:", "http://127.0.0.1:1"])
def test_a_playlist_reaches_no_other_file(tmp_path, wav, entry):
    """A playlist from a stranger must not make FFmpeg open what it names elsewhere."""
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{entry}{wav}\n#EXT-X-ENDLIST\n")
    with pytest.raises(AudioError):
        decode(playlist)
    playlist.write_text(f"ffconcat version 1.0\nfile {entry}{wav}\n")
    with pytest.raises(AudioError):
        decode(playlist)


@pytest.mark.parametrize("name", ["concat:a.wav", "http:x.wav", "pipe:0", "a: b.wav", "%d.wav", "-x.wav"])
def test_odd_names_are_only_names(tmp_path, monkeypatch, wav, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(wav.read_bytes())
    assert decode(name)[0].shape == (1, 160_000)


def test_a_file_cut_short_says_so(tmp_path, wav):
    cut = tmp_path / "cut.wav"
    cut.write_bytes(wav.read_bytes()[:200_000])
    _, _, opened = decode(cut)
    assert opened.problems == ["cut short: 200,000 bytes of the 320,078 that its header claims"]


def test_a_header_of_100_hours_on_a_short_file_says_so(tmp_path):
    path = encode(tmp_path / "song.flac", music(2), 16_000, "flac")
    content = bytearray(path.read_bytes())
    # STREAMINFO's count of samples: the low 36 bits of 8 bytes at 18
    start = content.index(b"fLaC") + 8 + 10
    fields = int.from_bytes(content[start : start + 8], "big")
    content[start : start + 8] = (fields >> 36 << 36 | 100 * 3600 * 16_000).to_bytes(8, "big")
    path.write_bytes(content)
    assert decode(path)[2].problems == ["cut short: 2.0 s of the 360000.0 s that its header claims"]


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF024])
def test_a_wav_written_to_a_pipe_is_not_called_cut(tmp_path, wav, size):
    piped = tmp_path / "piped.wav"
    content = bytearray(wav.read_bytes())
    content[4:8] = size.to_bytes(4, "little")
    piped.write_bytes(content)
    assert not decode(piped)[2].problems


def test_an_mp3_without_a_length_is_not_called_cut(tmp_path):
    """Where no header counts its frames, FFmpeg guesses the length from the bit rate, often wrongly."""
    quiet_then_loud = np.concatenate([np.zeros((1, 44_100 * 4), np.float32), music(4, 44_100)], axis=1)
    path = encode(tmp_path / "song.mp3", quiet_then_loud, 44_100, "libmp3lame")
    whole = path.read_bytes()
    first = whole.index(b"Xing") if b"Xing" in whole else whole.index(b"Info")
    path.write_bytes(whole[first + 600 :])
    assert not [problem for problem in decode(path)[2].problems if "cut short" in problem]


@pytest.mark.parametrize(("n_channels", "shape"), [(1, (1, 6)), (2, (1, 12)), (2, (2, 6)), (6, (6, 6)), (6, (1, 36))])
def test_planes_of_packed_and_planar_samples(n_channels, shape):
    assert planes(np.zeros(shape, np.int16), n_channels).shape == (n_channels, 6)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.int64, np.float32, np.float64])
def test_full_scale_is_one(dtype):
    least = np.array([[-1.0 if np.issubdtype(dtype, np.floating) else np.iinfo(dtype).min]], dtype)
    assert planes(least, 1)[0, 0] == -1


def test_complex_samples_are_refused():
    with pytest.raises(UsageError, match="complex64"):
        planes(np.zeros((1, 2), np.complex64), 1)


def test_folders_are_searched_for_audio(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("b.MP3", "deep/a.flac", "notes.txt", "cover.jpg"):
        (tmp_path / name).touch()
    assert expand(str(tmp_path)) == [str(tmp_path / "b.MP3"), str(tmp_path / "deep" / "a.flac")]
    (tmp_path / "empty").mkdir()
    with pytest.raises(AudioError, match="no audio file in this folder"):
        expand(str(tmp_path / "empty"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"raw_rate": 5}, "raw_rate=5"),
        ({"raw_channels": 0}, "raw_channels=0"),
        ({"raw_format": "mp3"}, "raw_format="),
    ],
)
def test_raw_options_are_checked(options, said):
    with pytest.raises(UsageError, match=said):
        RawFormat(**options)
