"""Microphones and files of visitors."""

import contextlib
import json
import threading
import time

import av
import numpy as np
import pytest

from genrestream.audio.formats import RawFormat
from genrestream.audio.source import AudioSource
from genrestream.errors import AudioError
from genrestream.serve.config import ServeConfig
from genrestream.serve.upload import Upload
from genrestream.serve.web.visitors import FullError, Places
from genrestream.streaming.config import StreamConfig
from tests.conftest import EXAMPLES, METAL, encode, music
from tests.serve.serving import serving, until

RATE = 44_100


@pytest.fixture(scope="module")
def metal():
    with AudioSource(METAL) as source:
        return np.concatenate([block.mean(axis=0) for block, _ in source])


def pcm(samples, form="f32le"):
    return samples.astype("<f4").tobytes() if form == "f32le" else (32_767 * samples).astype("<i2").tobytes()


@pytest.mark.parametrize(("form", "channels"), [("f32le", 1), ("s16le", 2)])
def test_samples_in_messages_out(served, metal, form, channels):
    socket = served.socket(f"format={form}&rate={RATE}&channels={channels}&name=desk")
    block = np.repeat(metal[: 9 * RATE, None], channels, axis=1)
    for start in range(0, len(block), 8192):
        socket.send(pcm(block[start : start + 8192], form))
    socket.send({"type": "end"})
    messages = socket.all()
    kinds = {message["type"] for message in messages}
    assert kinds >= {"now", "tick", "chunk", "segments", "verdict"}
    assert (messages[-1]["genres"], messages[-1]["source"]) == (["metal"], "desk")
    assert messages[-1]["duration_s"] == pytest.approx(9, abs=0.01)
    assert socket.code == 1000


def test_the_answers_are_those_of_the_same_samples_pushed_in_python(served, shared, metal):
    socket = served.socket(f"rate={RATE}")
    for start in range(0, 6 * RATE, 5000):
        socket.send(pcm(metal[start : min(6 * RATE, start + 5000)]))
    socket.send({"type": "end"})
    played = [message for message in socket.all() if message["type"] == "chunk"]
    session = shared.session(StreamConfig(hop_s=1.0))
    pushed = [one.to_dict() for one in (*session.push(metal[: 6 * RATE], RATE), *session.flush())]
    assert [one["end_s"] for one in played] == [one["end_s"] for one in pushed]
    for one, other in zip(played, pushed, strict=True):
        assert one["probs"] == pytest.approx(other["probs"], abs=1e-3)


def test_messages_of_any_length_lose_nothing(served, metal):
    """A long one after a short one is more than may wait at once."""
    rate = RATE // 5
    socket = served.socket(f"rate={rate}")
    for seconds in (2, 9.9, 0.1, 9.9, 2, 9.9):
        socket.send(pcm(metal[: round(seconds * RATE) : 5]))
    socket.send({"type": "end"})
    verdict = socket.all()[-1]
    assert verdict["duration_s"] == pytest.approx(33.8, abs=0.01)
    assert verdict["problems"] == []


def test_lost_samples_are_a_gap(served, metal):
    socket = served.socket(f"rate={RATE}")
    socket.send(pcm(metal[: 4 * RATE]))
    socket.send({"type": "lost", "seconds": 5})
    socket.send(pcm(metal[4 * RATE : 8 * RATE]))
    socket.send({"type": "end"})
    verdict = socket.all()[-1]
    assert verdict["type"] == "verdict"
    assert "5.0 s in all" in verdict["problems"][0]


@pytest.mark.parametrize(
    ("query", "data", "words"),
    [
        ("rate=44100", b"123", "no whole number of frames of 4 bytes"),
        ("rate=44100&channels=3&format=s16le", bytes(8), "no whole number of frames of 6 bytes"),
        ("rate=1000", bytes(4 * 10_001), "at most 10 s of samples"),
        ("rate=44100", np.full(10, np.nan, "<f4").tobytes(), "not finite"),
        ("rate=44100", np.full(10, np.inf, "<f4").tobytes(), "not finite"),
        ("rate=10", b"", "rate=10 must be a whole number from 1000"),
        ("rate=", b"", "rate= must be a whole number"),
        ("rate=44100.5", b"", "must be a whole number"),
        ("rate=44100&channels=65", b"", "channels=65 must be"),
        ("rate=44100&format=mp3", b"", "format=mp3 must be f32le, s16le or file"),
        ("rate=44100", {"type": "lost", "seconds": -1}, "must be from 0 to 3600"),
        ("rate=44100", {"type": "lost", "seconds": "1"}, "must be a number"),
        ("rate=44100", {"type": "lost"}, "must be a number"),
    ],
)
def test_messages_that_make_no_sense_end_the_session(served, query, data, words):
    socket = served.socket(query)
    if data:
        socket.send(data)
    messages = socket.all()
    assert messages[-1]["type"] == "error"
    assert words in messages[-1]["error"]
    assert socket.code == 1007
    until(lambda: served.parts.visits.places.n_taken == 0)


@pytest.mark.parametrize("text", ["hello", "[1]", "1", '"end"', "[" * 100_000, '{"type": NaN'])
def test_text_that_is_no_object_ends_the_session(served, text):
    socket = served.socket(f"rate={RATE}")
    socket.say(text)
    assert "must be a JSON object" in socket.all()[-1]["error"]


def test_one_who_says_nothing_is_let_go(served, monkeypatch):
    monkeypatch.setattr("genrestream.serve.web.listen.IDLE_S", 0.3)
    socket = served.socket(f"rate={RATE}")
    assert "nothing came for 0.3 s" in [message for message in socket.all() if message["type"] == "error"][-1]["error"]
    assert socket.code == 1008


@pytest.mark.parametrize("kind", ["samples", "lost", "nothing"])
def test_places_and_minutes_are_limited(shared, tmp_path, metal, kind):
    message = {"samples": pcm(metal[:4410]), "lost": {"type": "lost", "seconds": 0}, "nothing": b""}[kind]
    config = ServeConfig(port=0, max_sessions=1, max_minutes=0.1)
    with serving(shared, tmp_path, config=config) as served:
        first = served.socket(f"rate={RATE}")
        until(lambda: served.parts.visits.places.n_taken == 1)
        assert "all 1 places" in served.socket(f"rate={RATE}").all()[-1]["error"]
        assert served.ask("/classify", "POST", b"x")[0] == 503
        stop = threading.Event()

        def play():
            while not stop.wait(0.5):
                with contextlib.suppress(OSError):
                    first.send(message)

        player = threading.Thread(target=play)
        player.start()
        try:
            assert "after 0.1 minutes a session ends" in first.all()[-1]["error"]
        finally:
            stop.set()
            player.join()
        until(lambda: served.parts.visits.places.n_taken == 0)
        assert "genrestream_visitors_refused_total 2" in served.ask("/metrics")[2].decode()


def test_a_server_without_places_says_so():
    with pytest.raises(FullError, match="takes no microphones and files"), Places(0).one():
        pass


def test_one_who_goes_away_frees_his_place(served, metal):
    socket = served.socket(f"rate={RATE}")
    socket.send(pcm(metal[:RATE]))
    socket.close()
    until(lambda: served.parts.visits.places.n_taken == 0)


# Files ---------------------------------------------------------------------------------------------------------------


def post(served, data, name="song.ogg", **headers):
    status, _, body = served.ask(f"/classify?name={name}", "POST", data, headers)
    return status, [json.loads(line) for line in body.splitlines()]


def test_a_file_is_answered_while_it_is_sent(served):
    data = METAL.read_bytes()
    half = len(data) // 2
    with served.raw() as connection:
        head = f"POST /classify?name=a.ogg HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n"
        connection.sendall(f"{head}Connection: close\r\n\r\n".encode() + data[:half])
        answer = b""
        while b'"type": "chunk"' not in answer:
            answer += connection.recv(65_536)
        connection.sendall(data[half:])
        answer += b"".join(iter(lambda: connection.recv(65_536), b""))
    assert b'"type": "verdict"' in answer
    assert b'"genres": ["metal"]' in answer


def test_a_file_through_the_socket(served, default):
    socket = served.socket("format=file&name=classical.ogg")
    data = (EXAMPLES / "classical.ogg").read_bytes()
    for start in range(0, len(data), 65_536):
        socket.send(data[start : start + 65_536])
    socket.send({"type": "end"})
    *chunks, verdict = socket.all()
    expected = default.classify(EXAMPLES / "classical.ogg")
    assert (verdict["type"], verdict["source"]) == ("verdict", "classical.ogg")
    assert verdict["probs"] == pytest.approx(expected.to_dict()["probs"], abs=1e-4)
    assert len([one for one in chunks if one["type"] == "chunk"]) == expected.n_chunks


@pytest.mark.parametrize(
    ("name", "codec"), [("a.wav", "pcm_s16le"), ("a.flac", "flac"), ("a.mp3", "libmp3lame"), ("a.mka", "aac")]
)
def test_formats_that_can_be_read_as_they_come(served, tmp_path, name, codec):
    path = encode(tmp_path / name, music(7, RATE), RATE, codec)
    status, (*chunks, verdict) = post(served, path.read_bytes(), name)
    assert status == 200
    assert verdict["type"] == "verdict"
    assert verdict["duration_s"] == pytest.approx(7, abs=0.15)
    assert len(chunks) >= 2


def mp4(path, flags=""):
    """Return an MP4 of seven seconds, its index at the end, or with ``faststart`` at the start."""
    with av.open(str(path), "w", options={"movflags": flags} if flags else {}) as file:
        stream = file.add_stream("aac", rate=RATE)
        frame = av.AudioFrame.from_ndarray(music(7, RATE), format="fltp", layout="mono")
        frame.sample_rate = RATE
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)
    return path.read_bytes()


@pytest.mark.parametrize("flags", ["", "faststart"])
def test_an_mp4_whose_index_is_at_either_end(served, tmp_path, flags):
    data = mp4(tmp_path / "a.m4a", flags)
    assert (data.index(b"moov") < data.index(b"mdat")) == bool(flags)
    verdict = post(served, data, "a.m4a")[1][-1]
    assert verdict["type"] == "verdict"
    assert verdict["duration_s"] == pytest.approx(7, abs=0.15)


@pytest.mark.parametrize(("share", "problem"), [(1, ""), (0.5, "nothing came for 0.5 s")])
def test_a_slow_upload_is_waited_for_while_bytes_come(tmp_path, monkeypatch, share, problem):
    """Of an MP4 with its index at the end the decoder waits for all of it."""
    monkeypatch.setattr("genrestream.serve.upload.READING_S", 0.5)
    data, upload = mp4(tmp_path / "a.m4a"), Upload("a.m4a")

    def send():
        size = len(data) // 20
        for start in range(0, round(share * len(data)), size):
            upload.put(data[start : start + size])
            time.sleep(0.1)  # two seconds in all
        if not problem:
            upload.end()

    threading.Thread(target=send, daemon=True).start()
    n_samples = 0
    with contextlib.suppress(AudioError), upload.opened(RawFormat()) as source:
        n_samples = sum(block.shape[1] for block, _ in source)
    assert upload.problem == problem
    assert n_samples / RATE == pytest.approx(0 if problem else 7, abs=0.15)


def test_an_mp4_takes_no_more_memory_than_it_may_and_is_not_read_on(monkeypatch):
    monkeypatch.setattr("genrestream.serve.upload.MAX_KEPT", 1000)
    upload = Upload("a.mp4")
    assert upload.put(b"\0\0\0\x18ftypM4A " + bytes(900))
    assert len(upload.read(100)) == 100
    assert not upload.put(bytes(100))
    assert "is an MP4 of more than" in upload.problem
    assert not upload.put(bytes(100))
    assert upload.n_bytes < 1100
    assert upload.read(100) == b""


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"this is no music\n" * 1000, "is not audio"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "playlist"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n", "is not audio"),
        (b"http://127.0.0.1/secret", "is not audio"),
        (b"/etc/passwd", "is not audio"),
        (METAL.read_bytes()[:3000], ""),
        (b"\0\0\0\x18ftypM4A \0\0\0\0" + bytes(3000), ""),
    ],
)
def test_what_is_no_music_is_one_error(served, data, words):
    status, (*_, last) = post(served, data, "x")
    assert status == 200
    assert last["type"] == "error"
    assert words in last["error"]
    assert "root:" not in json.dumps(last)


def test_a_name_is_only_shown(served):
    name = "../../etc/passwd%1b[2J<script>" + "x" * 5000
    verdict = post(served, METAL.read_bytes(), name)[1][-1]
    assert verdict["source"].startswith("../../etc/passwd\x1b[2J<script>")
    assert len(verdict["source"]) == 200
    assert verdict["genres"] == ["metal"]


def test_files_that_are_too_large(served):
    limit = served.parts.visits.max_bytes
    status, (answer,) = post(served, b"", **{"Content-Length": str(limit + 1)})
    assert (status, answer["error"]) == (413, "is larger than 4 MB, the most that this server takes")
    loud = encode_wav(limit)
    parts = (loud[start : start + 65_536] for start in range(0, len(loud), 65_536))
    status, (*_, last) = post(served, parts)  # in pieces, without a length
    assert (status, last["type"]) == (200, "error")
    assert "is larger than 4 MB" in last["error"]


def encode_wav(n_bytes):
    """Make a WAV of silence that is longer than so many bytes."""
    samples = bytes(n_bytes + 100_000)
    header = b"RIFF" + (36 + len(samples)).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    form = (1).to_bytes(2, "little") * 2 + (48_000).to_bytes(4, "little") + (96_000).to_bytes(4, "little")
    return header + form + b"\2\0\x10\0data" + len(samples).to_bytes(4, "little") + samples


def test_an_upload_that_breaks_off_frees_its_place(served):
    with served.raw() as connection:
        connection.sendall(b"POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999\r\n\r\n")
        connection.sendall(METAL.read_bytes()[:50_000])
        until(lambda: served.parts.visits.places.n_taken)
    until(lambda: served.parts.visits.places.n_taken == 0)
