"""What a header claims against what a file holds, in both directions, for each container that tells a length."""

import io

import av
import numpy as np
import pytest

from genrestream.audio.reading.ending import Damage, Ending, EndKind
from genrestream.audio.source import AudioSource
from genrestream.errors import AudioError
from tests.conftest import METAL, encode, music

BY_BYTES = [
    ("wav", "pcm_s16le", None), ("aiff", "pcm_s16be", None), ("caf", "pcm_s16le", None), ("w64", "pcm_s16le", None),
    ("au", "pcm_s16be", None), ("wma", "wmav2", None), ("avi", "libmp3lame", None), ("mka", "aac", None),
    ("sox", "pcm_s32le", None), ("sox", "pcm_s32be", None), ("voc", "pcm_s16le", None), ("voc", "pcm_u8", None),
    ("adx", "adpcm_adx", None),
]  # fmt: skip
BY_SECONDS = [("flac", "flac"), ("mp3", "libmp3lame"), ("tta", "tta"), ("wv", "wavpack")]
BY_PACKETS = [("ac3", "ac3", 44_100), ("eac3", "eac3", 48_000), ("opus", "libopus", 48_000)]


def read(source):
    with AudioSource(source) as opened:
        blocks = [block for block, _ in opened]
    return np.concatenate(blocks, axis=1), opened.ending


def cut(path, share=0.6):
    content = path.read_bytes()
    path.write_bytes(content[: round(share * len(content)) | 1])
    return path


@pytest.mark.parametrize(("suffix", "codec", "container"), BY_BYTES)
def test_bytes_that_are_missing(tmp_path, suffix, codec, container):
    path = encode(tmp_path / f"song.{suffix}", music(6, 44_100), 44_100, codec, container=container)
    whole = path.stat().st_size
    whole_ending = read(path)[1]
    assert whole_ending.problems == ()
    assert whole_ending.kind is EndKind.COMPLETE
    ending = read(cut(path))[1]
    assert ending.kind is EndKind.CUT_SHORT
    assert ending.shortfall
    assert ending.shortfall.found == path.stat().st_size
    assert ending.shortfall.claimed == pytest.approx(whole, rel=0.1)
    assert ending.problems[-1].startswith("cut short: ")


@pytest.mark.parametrize(("suffix", "codec"), BY_SECONDS)
def test_seconds_that_are_missing(tmp_path, suffix, codec):
    path = encode(tmp_path / f"song.{suffix}", music(6, 44_100), 44_100, codec)
    assert read(path)[1].kind is EndKind.COMPLETE
    ending = read(cut(path))[1]
    assert ending.kind is EndKind.CUT_SHORT
    assert ending.shortfall
    assert ending.shortfall.unit == "s"
    assert ending.shortfall.found == pytest.approx(3.5, abs=0.5)
    assert ending.shortfall.claimed == pytest.approx(6, abs=0.1)


@pytest.mark.parametrize("n_missing", [1, 50, 300])
@pytest.mark.parametrize(
    ("codec", "container", "rate"),
    [("mp2", "mp2", 44_100), ("mp2", "mp2", 16_000), ("libmp3lame", "mp3", 48_000), ("libmp3lame", "mp3", 22_050),
     ("libmp3lame", "mp3", 8_000)],
)  # fmt: skip
def test_a_frame_that_is_cut(tmp_path, codec, container, rate, n_missing):
    """These tell no length, and FFmpeg decodes the rest of their last frame without a word."""
    path = tmp_path / f"song.{container}"
    with av.open(str(path), "w", format=container, options={"write_xing": "0"} if container == "mp3" else {}) as file:
        stream = file.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = 32_000 if rate == 8_000 else 128_000
        frame = av.AudioFrame.from_ndarray(music(3, rate), format="fltp", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(format="s16" if codec == "mp2" else "fltp", layout="mono", rate=rate)
        for part in [*resampler.resample(frame), None]:
            file.mux(stream.encode(part))
    assert read(path)[1].problems == ()
    path.write_bytes(path.read_bytes()[:-n_missing])
    assert read(path)[1].problems == ("cut short: its last packet is incomplete",)


@pytest.mark.parametrize(("suffix", "codec", "rate"), BY_PACKETS)
def test_an_end_that_is_missing(tmp_path, suffix, codec, rate):
    path = encode(tmp_path / f"song.{suffix}", music(6, rate), rate, codec)
    assert read(path)[1].kind is EndKind.COMPLETE
    ending = read(cut(path))[1]
    assert ending.kind is EndKind.CUT_SHORT
    assert ending.problems


def test_an_ogg_whose_last_page_is_missing_and_one_with_a_tag_behind_it(tmp_path):
    content, path = METAL.read_bytes(), tmp_path / "song.ogg"
    path.write_bytes(content[: content.rindex(b"OggS")])
    assert read(path)[1].problems == ("cut short: its last page does not mark the end",)
    path.write_bytes(content + b"TAG" + bytes(125))
    assert read(path)[1].kind is EndKind.COMPLETE


def test_ogg_pages_that_are_missing_are_counted(tmp_path):
    content, path = METAL.read_bytes(), tmp_path / "song.ogg"
    starts = [at for at in range(len(content)) if content.startswith(b"OggS", at)]
    path.write_bytes(content[: starts[10]] + content[starts[13] :])
    ending = read(path)[1]
    assert ending.kind is EndKind.COMPLETE
    assert ending.damage.n_packets >= 3
    assert ending.problems


# Where each container keeps the size of its audio, and what it counts beside it.
SIZES = {
    "wav": (lambda content: content.index(b"data") + 4, 4, "little", 0),
    "aiff": (lambda content: content.index(b"SSND") + 4, 4, "big", 8),
    "caf": (lambda content: content.index(b"data") + 4, 8, "big", 4),
    "w64": (lambda content: content.index(b"data\xf3\xac") + 16, 8, "little", 24),
    "au": (lambda content: 8, 4, "big", 0),
}


def with_size(path, n_bytes):
    """Set a header's size of the audio, given in bytes of audio, or as it stands there where negative."""
    place, n_size, order, counted = SIZES[path.suffix[1:]]
    content = bytearray(path.read_bytes())
    at = place(content)
    size = n_bytes + counted if n_bytes >= 0 else n_bytes % (1 << 8 * n_size)
    content[at : at + n_size] = size.to_bytes(n_size, order)
    path.write_bytes(content)
    return path


@pytest.fixture
def song(tmp_path, request):
    suffix = request.param
    codec = "pcm_s16be" if suffix in ("aiff", "au") else "pcm_s16le"
    return encode(tmp_path / f"song.{suffix}", music(6), 16_000, codec)


@pytest.mark.parametrize("song", list(SIZES), indirect=True)
@pytest.mark.parametrize("claimed_s", [0.5, 1.5, 5])
def test_a_header_that_claims_less_than_the_file_holds(song, claimed_s):
    expected = read(song)[0]
    samples, ending = read(with_size(song, round(claimed_s * 32_000)))
    np.testing.assert_array_equal(samples[:, : expected.shape[1]], expected)
    assert samples.shape[1] - expected.shape[1] in range(8)
    assert ending.kind is EndKind.COMPLETE
    assert not ending.problems
    assert "its header claims" in ending.notes[0]


@pytest.mark.parametrize(
    ("song", "size"),
    [("wav", 0), ("wav", -1), ("wav", 0x7FFF_F000), ("wav", 0x8000_0000), ("aiff", -1), ("caf", -1), ("au", -1)],
    indirect=["song"],
)
def test_a_placeholder_is_no_damage(song, size):
    expected = read(song)[0]
    samples, ending = read(with_size(song, size))
    np.testing.assert_array_equal(samples, expected)
    assert ending == Ending(EndKind.COMPLETE, at_s=6)


@pytest.mark.parametrize("song", ["wav"], indirect=True)
@pytest.mark.parametrize("claimed_s", [1.5, 6])
def test_chunks_after_the_audio_are_no_audio(song, claimed_s):
    expected = read(song)[0]
    with song.open("ab") as file:
        file.write(b"LIST" + (20_004).to_bytes(4, "little") + b"INFOICMT" + (19_992).to_bytes(4, "little"))
        file.write(b"\x55" * 19_992)
    samples, ending = read(with_size(song, round(claimed_s * 32_000)))
    np.testing.assert_array_equal(samples, expected)
    assert len(ending.notes) == (claimed_s < 6)


@pytest.mark.parametrize("suffix", ["wav", "aiff", "w64"])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_files_that_were_joined_are_all_read(tmp_path, suffix, n_channels):
    codec = "pcm_s16be" if suffix == "aiff" else "pcm_s16le"
    first = encode(tmp_path / f"a.{suffix}", music(6), 16_000, codec)
    second = encode(tmp_path / f"b.{suffix}", music(3, n_channels=n_channels), 16_000, codec)
    path = tmp_path / f"joined.{suffix}"
    path.write_bytes(first.read_bytes() + second.read_bytes() + first.read_bytes())
    with AudioSource(path) as source:
        lengths = [(len(block), block.shape[1]) for block, _ in source]
    assert sum(n_samples for _, n_samples in lengths) == 15 * 16_000
    assert sum(n_samples for channels, n_samples in lengths if channels == n_channels) >= 3 * 16_000
    assert source.ending == Ending(EndKind.COMPLETE, at_s=15)
    path.write_bytes(path.read_bytes()[:-50_000])
    with AudioSource(path) as source:
        list(source)
    assert source.ending.kind is EndKind.CUT_SHORT


def test_an_mp4_without_its_table_of_contents(tmp_path):
    path = cut(encode(tmp_path / "song.m4a", music(6, 44_100), 44_100, "aac"))
    with pytest.raises(AudioError, match="is cut short: its table of contents, which stands at the end, is missing"):
        read(path)


@pytest.mark.parametrize("kind", [b"RF64", b"BW64"])
@pytest.mark.parametrize("claimed_s", [0, 1.5, 6, 8])
def test_the_long_sizes_of_rf64(tmp_path, kind, claimed_s):
    samples = music(6)
    audio = (samples * 32_767).astype("<i2").tobytes()
    n_bytes = round(claimed_s * 32_000)
    sizes = (n_bytes + 72).to_bytes(8, "little") + n_bytes.to_bytes(8, "little") + bytes(12)
    form = b"\x01\0\x01\0" + (16_000).to_bytes(4, "little") + (32_000).to_bytes(4, "little") + b"\x02\0\x10\0"
    path = tmp_path / "song.wav"
    path.write_bytes(
        kind + b"\xff" * 4 + b"WAVEds64\x1c\0\0\0" + sizes + b"fmt \x10\0\0\0" + form + b"data" + b"\xff" * 4 + audio
    )
    decoded, ending = read(path)
    assert decoded.shape == samples.shape
    assert ending.kind is (EndKind.CUT_SHORT if claimed_s > 6 else EndKind.COMPLETE)
    assert len(ending.notes) == (0 < claimed_s < 6)


def test_damage_in_the_middle_is_counted_and_placed(tmp_path):
    path = encode(tmp_path / "song.flac", music(10, 44_100), 44_100, "flac")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 64] = bytes(64)
    path.write_bytes(content)
    ending = read(path)[1]
    assert ending.kind is EndKind.COMPLETE
    assert ending.damage.n_packets in (1, 2)
    assert ending.damage.positions_s[0] == pytest.approx(5, abs=0.5)
    assert "damaged packet" in ending.problems[0]


def test_a_source_that_is_stopped_is_not_damaged(wav):
    with AudioSource(wav) as source:
        next(iter(source))
    assert source.ending.kind is EndKind.STOPPED
    assert not source.ending.problems


def test_a_stream_without_audio_is_an_error():
    with pytest.raises(AudioError, match="stream"):
        read(io.BytesIO(b"RIFF"))


@pytest.mark.parametrize(
    ("ending", "lines"),
    [
        (Ending(EndKind.COMPLETE), ()),
        (Ending(EndKind.BROKEN_OFF, 12, "connection reset"), ("broke off after 12.0 s (connection reset)",)),
        (Ending(EndKind.STALLED, 3, "silent for 20 s"), ("stalled after 3.0 s: silent for 20 s",)),
        (Ending(EndKind.COMPLETE, damage=Damage().plus(1.5, "x")), ("1 damaged packet skipped at 1.5 s (x)",)),
    ],
)
def test_an_ending_in_words(ending, lines):
    assert ending.problems == lines


def test_a_verdict_carries_the_ending_and_its_record_names_it(tmp_path, model, wav):
    verdict = model.classify(wav)
    assert (verdict.ending.kind, verdict.problems) == (EndKind.COMPLETE, ())
    assert verdict.to_dict()["ending"] == "complete"
    short = tmp_path / "cut.wav"
    short.write_bytes(wav.read_bytes()[:200_000])
    verdict = model.classify(short)
    assert verdict.to_dict()["ending"] == "cut short"
    assert verdict.problems == verdict.ending.problems
