"""Network streams: how servers end, and what the one line says when they do not answer as they should."""

import time

import pytest

from genrestream.audio.reading import opening
from genrestream.audio.reading.ending import EndKind
from genrestream.audio.source import AudioSource
from genrestream.errors import AudioError
from tests.audio.servers import head, serving
from tests.conftest import METAL, command, encode, music


@pytest.fixture(scope="module")
def mp3(tmp_path_factory):
    path = encode(tmp_path_factory.mktemp("mp3") / "song.mp3", music(6, 44_100), 44_100, "libmp3lame")
    return path.read_bytes()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(opening, "NETWORK_TIMEOUT_S", 1.0)


def read(address):
    with AudioSource(address) as source:
        return sum(block.shape[1] / rate for block, rate in source), source.ending


def chunked(content):
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        head(),
        head(status="HTTP/1.1 200 OK"),
        head("audio/mpeg", "Connection: close", status="HTTP/1.1 200 OK"),
        head(status="ICY 200 OK"),
    ],
)
def test_a_server_that_tells_no_length_and_closes_at_the_end(mp3, answer):
    with serving(answer, mp3) as address:
        length_s, ending = read(address)
    assert length_s == pytest.approx(6, abs=0.1)
    assert ending.kind is EndKind.COMPLETE
    assert not ending.problems


IN_PARTS = head("audio/mpeg", "Transfer-Encoding: chunked", status="HTTP/1.1 200 OK")
IN_PARTS_AND_CLOSE = head("audio/mpeg", "Transfer-Encoding: chunked", "Connection: close", status="HTTP/1.1 200 OK")
LAST = b"0\r\n\r\n"


@pytest.mark.parametrize("last", [LAST, b"0\r\n", b"0;end=yes\r\nServer: done\r\n\r\n"])
@pytest.mark.parametrize("answer", [IN_PARTS, IN_PARTS_AND_CLOSE])
def test_parts_of_known_lengths(mp3, answer, last):
    with serving(answer, chunked(mp3[:5000]), chunked(mp3[5000:]), last) as address:
        length_s, ending = read(address)
    assert length_s == pytest.approx(6, abs=0.1)
    assert ending.kind is EndKind.COMPLETE
    assert not ending.problems


@pytest.mark.parametrize("n_sent", [30_000, 60_000, 60_007, 60_008, 60_009])
@pytest.mark.parametrize("answer", [IN_PARTS, IN_PARTS_AND_CLOSE])
def test_parts_that_break_off(mp3, answer, n_sent):
    """Within a part, after it, within the line after it, and before the last, empty one."""
    content = chunked(mp3[:20_000]) + chunked(mp3[20_000:59_985])
    with serving(answer, (content + chunked(mp3[59_985:]))[:n_sent]) as address:
        length_s, ending = read(address)
    assert 1 < length_s < 5
    assert ending.kind is EndKind.BROKEN_OFF
    assert ending.problems == (f"broke off after {length_s:.1f} s (the connection was closed)",)


CODECS = {
    "opus": ("libopus", 48_000), "flac": ("flac", 44_100), "wav": ("pcm_s16le", 44_100), "aac": ("aac", 44_100),
    "webm": ("libopus", 48_000), "mka": ("aac", 44_100), "ts": ("aac", 44_100),
}  # fmt: skip


@pytest.mark.parametrize("suffix", CODECS)
@pytest.mark.parametrize("last", [b"", LAST])
def test_parts_of_each_container(tmp_path, suffix, last):
    codec, rate = CODECS[suffix]
    song = encode(tmp_path / f"song.{suffix}", music(6, rate), rate, codec).read_bytes()
    sent = song if last else song[: len(song) * 2 // 3]
    with serving(IN_PARTS, chunked(sent), last) as address:
        length_s, ending = read(f"{address}/song.{suffix}")
    assert length_s == pytest.approx(6 if last else 4, abs=0.7)
    assert ending.kind is (EndKind.COMPLETE if last else EndKind.BROKEN_OFF)
    if last:
        assert not ending.problems
    else:  # before it, there may be a word on the packet that was cut
        assert ending.problems[-1] == f"broke off after {length_s:.1f} s (the connection was closed)"


def test_a_station_that_sends_parts_without_end(mp3):
    """It is endless for us: nobody knows how long it will go on, and it is stopped by who listens."""
    with serving(IN_PARTS, chunked(mp3), 20.0) as address, AudioSource(address) as source:
        assert source.is_endless
        next(iter(source))
    assert source.ending.kind is EndKind.STOPPED
    assert not source.ending.problems


def test_parts_that_break_off_are_told_by_the_command(mp3, default):
    with serving(IN_PARTS, chunked(mp3[:60_000])) as address:
        done = command("file", address)
    assert done.returncode == 1
    assert "broke off after 3.7 s (the connection was closed)" in done.stderr


def test_a_connection_that_breaks_off(mp3):
    with serving(head("audio/mpeg", f"Content-Length: {len(mp3)}"), mp3[:60_000]) as address:
        length_s, ending = read(address)
    assert ending.kind is EndKind.BROKEN_OFF
    assert ending.problems == (f"broke off after {length_s:.1f} s (the connection was closed)",)


def test_an_ogg_of_known_length_that_breaks_off():
    content = METAL.read_bytes()
    with serving(head("audio/ogg", f"Content-Length: {len(content)}"), content) as address:
        assert read(address)[1].problems == ()
    with serving(head("audio/ogg", f"Content-Length: {len(content)}"), content[: len(content) // 2]) as address:
        with AudioSource(address) as source:
            assert not source.is_endless
        length_s, ending = read(address)
    assert 10 < length_s < 20
    assert ending.kind is EndKind.BROKEN_OFF
    assert ending.problems[-1].startswith(f"broke off after {length_s:.1f} s")


@pytest.mark.parametrize("field", [[], ["Content-Length: 100000"]])
def test_a_server_that_stalls(mp3, impatient, field):
    with serving(head("audio/mpeg", *field), mp3[:60_000], 5.0) as address:
        length_s, ending = read(address)
    assert ending.kind is EndKind.STALLED
    assert ending.problems == (f"stalled after {length_s:.1f} s: silent for 1 s",)


@pytest.mark.parametrize("answers", [(5.0,), (head(), 5.0)])
def test_a_server_that_never_sends_audio(impatient, answers):
    with serving(*answers) as address, pytest.raises(AudioError, match="no answer for 1 s"):
        AudioSource(address)


def test_closing_does_not_wait_for_a_server(mp3):
    with serving(head(), mp3[:60_000], 5.0) as address:
        source = AudioSource(address)
        next(iter(source))
        began_s = time.monotonic()
        source.close()
        assert time.monotonic() - began_s < 1
        with pytest.raises(AudioError, match="was closed"):
            list(source)


PLAYLISTS = {
    "list.m3u": "#EXTM3U\n#EXTINF:-1,Radio\n{address}/song.mp3\n",
    "bare.m3u": "{address}/song.mp3\r\n",
    "relative.m3u": "song.mp3\n",
    "second.m3u": "{address}/list.m3u\n{address}/song.mp3\n",
    "list.pls": "[playlist]\nNumberOfEntries=1\nFile1={address}/song.mp3\nTitle1=Radio\n",
    "list.xspf": '<?xml version="1.0"?><playlist version="1" xmlns="http://xspf.org/ns/0/"><trackList><track>'
    "<location>{address}/song.mp3?a=1&amp;b=2</location></track></trackList></playlist>",
    "no-suffix": "#EXTM3U\n{address}/song.mp3\n",
}
EVIL = {
    "local.m3u": "#EXTM3U\n{wav}\n",
    "file.m3u": "file://{wav}\n",
    "file.pls": "[playlist]\nFile1=file://{wav}\n",
    "file.xspf": '<playlist xmlns="http://xspf.org/ns/0/"><location>file://{wav}</location></playlist>',
    "concat.m3u": "concat:{wav}\n",
    "nested.m3u": "{address}/list.m3u\n",
    "segments.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{wav}\n#EXT-X-ENDLIST\n",
    "script.wav": "-SE\nall: pink/40 100/20\nNOW all\n",
    "endless.m3u": "{address}/endless.m3u\n",
}


@pytest.fixture
def station(mp3, wav):
    answers: dict[str, bytes] = {}
    with serving(answers) as address:
        for name, text in (PLAYLISTS | EVIL).items():
            answers[f"/{name}"] = head("text/plain") + text.format(address=address, wav=wav).encode()
        answers["/song.mp3"] = answers["/song.mp3?a=1&b=2"] = head() + mp3
        yield address


@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_playlist_is_followed_one_level(station, name):
    assert read(f"{station}/{name}")[0] == pytest.approx(6, abs=0.1)


@pytest.mark.parametrize("name", EVIL)
def test_a_playlist_reaches_no_file_of_ours_and_no_second_list(station, name):
    with pytest.raises(AudioError):
        read(f"{station}/{name}")


def test_an_address_in_capitals(station):
    assert read(f"{station}/song.mp3".replace("http", "HTTP"))[0] == pytest.approx(6, abs=0.1)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://nosuch.invalid/x", "no such host"),
        ("HTTPS://127.0.0.1:1/x", "connection refused"),
        ("rtsp://127.0.0.1/x", "only http:// and https://"),
        ("ftp://example.org/x.mp3", "only http:// and https://"),
        ("file:///no/such.wav", "no such file"),
        ("file://elsewhere/song.wav", "another machine"),
    ],
)
def test_what_cannot_be_reached_is_said_so(address, said):
    with pytest.raises(AudioError, match=said):
        AudioSource(address)


def test_the_address_of_a_file_is_the_file(wav, tmp_path):
    odd = tmp_path / "ä b#1%.wav"
    odd.write_bytes(wav.read_bytes())
    assert read(odd.as_uri())[0] == pytest.approx(10)
