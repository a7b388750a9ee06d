"""What fuzzing found, as plain cases."""

import pytest

from genrestream.audio.source import LATE_STREAM, AudioSource
from genrestream.errors import AudioError
from tests.conftest import METAL, encode, music

DURATION, VOID = bytes.fromhex("448988"), bytes.fromhex("ec8900")  # Matroska's element of 8 bytes, and one to skip


@pytest.mark.parametrize("name", ["opus.webm", "opus.mka", "opus.mkv"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.98, 1.0])
def test_matroska_that_is_cut_is_noticed_by_the_size_of_its_segment(tmp_path, name, share):
    path = encode(tmp_path / name, music(4, 48_000), 48_000, "libopus")
    content = path.read_bytes().replace(DURATION, VOID)
    path.write_bytes(content[: int(share * len(content))])
    with AudioSource(path) as source:
        assert sum(block.shape[1] for block, _ in source)
        assert ["cut short" in problem for problem in source.problems] == [True] * (share < 1)


@pytest.mark.parametrize("size", [b"\x01" + b"\xff" * 7, b"\x01" + bytes(7)], ids=["unknown", "nothing"])
def test_matroska_of_a_live_stream_tells_no_size_and_is_whole(tmp_path, size):
    path = encode(tmp_path / "live.webm", music(4, 48_000), 48_000, "libopus")
    content = bytearray(path.read_bytes())
    place = content.index(bytes.fromhex("18538067")) + 4
    content[place : place + 8] = size
    path.write_bytes(content)
    with AudioSource(path) as source:
        n_samples = sum(block.shape[1] for block, _ in source)
        assert n_samples > 3.9 * 48_000 or source.problems
        assert not any("bytes" in problem for problem in source.problems)


@pytest.mark.parametrize("codec", ["opus", "vorbis"])
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_an_ogg_page_that_ffmpeg_drops_for_its_checksum_is_reported(tmp_path, codec, share):
    path = tmp_path / "song.ogg"
    path.write_bytes(METAL.read_bytes())
    if codec == "opus":
        encode(path, music(6, 48_000), 48_000, "libopus")
    assert not _problems(path)
    content = bytearray(path.read_bytes())
    content[int(share * len(content))] ^= 1
    path.write_bytes(content)
    assert any("pages are missing" in problem for problem in _problems(path))


@pytest.mark.parametrize(("name", "codec"), [("song.mka", b"A_OPUS"), ("song.webm", b"A_OPUS"), ("song.mov", b"sowt")])
def test_a_codec_that_ffmpeg_does_not_know_is_one_line(tmp_path, name, codec):
    path = encode(tmp_path / name, music(2, 48_000), 48_000, "pcm_s16le" if codec == b"sowt" else "libopus")
    path.write_bytes(path.read_bytes().replace(codec, b"zzzzzz"[: len(codec)]))
    with pytest.raises(AudioError, match=f"{name}: ") as raised:
        _problems(path)
    assert "\n" not in str(raised.value)


def test_a_stream_that_begins_on_the_way_does_not_end_the_reading(tmp_path):
    """One flipped bit in a packet of MPEG-TS gives it to a stream that was not there before."""
    path = encode(tmp_path / "radio.ts", music(3, 44_100), 44_100, "mp2", container="mpegts")
    content = bytearray(path.read_bytes())
    audio = [at for at in range(0, len(content), 188) if content[at + 1] & 0x5F == 0x41 and content[at + 2] == 0]
    content[audio[len(audio) // 2] + 2] ^= 1
    path.write_bytes(content)
    with AudioSource(path) as source:
        n_samples = sum(block.shape[1] for block, _ in source)
    assert n_samples > 2.5 * 44_100
    assert source.notes == [LATE_STREAM]


def _problems(path):
    with AudioSource(path) as source:
        assert sum(block.shape[1] for block, _ in source)
        return source.problems
