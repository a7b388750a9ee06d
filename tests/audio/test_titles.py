"""Titles of radio stations: from a real server, in every state that a server may be in, and as hostile text."""

import json
import re

import pytest

from genrestream.audio.reading import opening
from genrestream.audio.reading.ending import EndKind
from genrestream.audio.reading.network.answer import MAX_TITLE, title_in
from genrestream.audio.source import AudioSource
from genrestream.cli.main import main
from tests.audio.servers import head, serving, with_titles
from tests.conftest import encode, music
from tests.pulse import listening

HEADER = ("icy-metaint: 8000", "icy-name: Radio")


@pytest.fixture(scope="module")
def mp3(tmp_path_factory):
    path = encode(tmp_path_factory.mktemp("mp3") / "song.mp3", music(20, 44_100), 44_100, "libmp3lame")
    return path.read_bytes()


def heard(address):
    """Return when which title began, the length and how it ended."""
    titles, at_s = {}, 0.0
    with AudioSource(address) as source:
        for block, rate in source:
            titles.setdefault(source.title, at_s)
            at_s += block.shape[1] / rate
    return titles, at_s, source.ending


@pytest.mark.parametrize("status", ["HTTP/1.0 200 OK", "HTTP/1.1 200 OK", "ICY 200 OK"])
def test_titles_begin_where_the_station_puts_them(mp3, status):
    with serving(head("audio/mpeg", *HEADER, status=status), with_titles(mp3, b"One", b"Two", b"Three")) as address:
        titles, length_s, ending = heard(address)
    assert list(titles) == ["One", "Two", "Three"]
    assert titles["Two"] == pytest.approx(20 / 3, abs=1)
    assert titles["Three"] == pytest.approx(40 / 3, abs=1)
    assert length_s == pytest.approx(20, abs=0.1)  # no title is in the sound
    assert (ending.kind, ending.problems) == (EndKind.COMPLETE, ())


def test_parts_of_known_lengths(mp3):
    content = with_titles(mp3, b"One", b"Two")
    fields = (*HEADER, "Transfer-Encoding: chunked")
    parts = [f"{len(one):x}\r\n".encode() + one + b"\r\n" for one in (content[:5000], content[5000:], b"")]
    with serving(head("audio/mpeg", *fields, status="HTTP/1.1 200 OK"), *parts) as address:
        titles, length_s, ending = heard(address)
    assert (list(titles), length_s, ending.problems) == (["One", "Two"], pytest.approx(20, abs=0.1), ())


@pytest.mark.parametrize("suffix", [".aac", ".mp3"])
def test_other_codecs_and_redirections(tmp_path, suffix):
    codec, container = {".aac": ("aac", "adts"), ".mp3": ("libmp3lame", None)}[suffix]
    path = encode(tmp_path / f"song{suffix}", music(8, 44_100), 44_100, codec, container=container)
    answers = {"/live": head("audio/aac", *HEADER) + with_titles(path.read_bytes(), b"Here")}
    with serving(answers) as address:
        answers["/"] = head("text/plain", f"Location: {address}/live", status="HTTP/1.1 302 Found")
        titles, length_s, _ = heard(f"{address}/")
    assert list(titles) == ["Here"]
    assert length_s == pytest.approx(8, abs=0.2)


@pytest.mark.parametrize("interval", ["0", "-1", "x", "", "99999999999999999999"])
def test_an_interval_that_is_none_costs_the_titles_not_the_sound(mp3, interval):
    with serving(head("audio/mpeg", f"icy-metaint: {interval}", "icy-name: Radio"), mp3) as address:
        titles, length_s, _ = heard(address)
    assert list(titles) == [""]
    assert length_s == pytest.approx(20, abs=0.1)


def test_a_station_that_refuses_a_second_connection_is_heard_without_titles(mp3):
    answers = {"/": head("audio/mpeg", *HEADER) + with_titles(mp3, b"One")}

    class Once(dict):
        def __getitem__(self, path):
            return answers.pop(path, head(status="HTTP/1.1 403 Forbidden"))

    with serving(Once()) as address:
        titles, length_s, _ = heard(f"{address}/")
    assert list(titles) == [""]
    assert length_s == pytest.approx(20, abs=0.1)


def test_a_station_never_leads_to_a_file_of_ours(mp3, wav):
    answers = iter([head("audio/mpeg", *HEADER) + with_titles(mp3, b"One")])
    away = head("text/plain", f"Location: {wav.as_uri()}", status="HTTP/1.1 302 Found")

    class First(dict):
        def __getitem__(self, path):
            return next(answers, away)

    with serving(First()) as address:
        assert heard(f"{address}/")[1] == pytest.approx(20, abs=0.1)  # the station, not the ten seconds of the file


def test_a_station_that_stalls(mp3, monkeypatch):
    monkeypatch.setattr(opening, "NETWORK_TIMEOUT_S", 1.0)
    with serving(head("audio/mpeg", *HEADER), with_titles(mp3, b"One")[:160_000], 5.0) as address:
        titles, length_s, ending = heard(address)
    assert list(titles) == ["One"]
    assert ending.kind is EndKind.STALLED
    assert ending.problems == (f"stalled after {length_s:.1f} s: silent for 1 s",)


@pytest.mark.parametrize("n_bytes", [8_000, 8_001, 8_020, 160_000])
def test_a_station_that_breaks_off_anywhere(mp3, n_bytes):
    with serving(head("audio/mpeg", *HEADER), with_titles(mp3, b"A title that is long")[:n_bytes]) as address:
        assert heard(address)[1] == pytest.approx(n_bytes / 16_000, abs=0.3)


HOSTILE = {
    b"Mot\xf6rhead - Ace": "Motörhead - Ace",
    "日本 ♫".encode(): "日本 ♫",
    b"It's a Kind of Magic": "It's a Kind of Magic",
    b"a\x1b[2J\x00b\r\nc\td": "a [2J b c d",
    "a\u202eb\u2028c\ufeffd".encode(): "a b c d",
    b"\x81\xff": "\ufffd\xff",
    b"": "",
    b"   ": "",
    b"x" * 4_000: "x" * MAX_TITLE,
    b"';DROP": "",
}


@pytest.mark.parametrize("title", HOSTILE, ids=lambda title: repr(title[:20]))
def test_a_title_is_one_printable_line(title):
    found = title_in(b"StreamTitle='" + title + b"';StreamUrl='http://x/';".ljust(16, b"\0"))
    assert found == HOSTILE[title]
    assert HOSTILE[title].isprintable()


@pytest.mark.parametrize("block", [b"", b"\0" * 16, b"StreamUrl='x';", b"\xff" * 4080, b"StreamTitle="])
def test_a_block_without_a_title_changes_nothing(block):
    assert title_in(block) is None


def test_a_title_that_is_cut_off_is_what_is_there():
    assert title_in(b"StreamTitle='One") == "One"


def test_titles_are_in_the_records_and_lines_of_file(default, mp3, capsys):
    with serving(head("audio/mpeg", *HEADER), with_titles(mp3, b"=One\x1b[2J", b"Two")) as address:
        assert main(["file", address, "-f", "jsonl"]) == 0
        *records, verdict = map(json.loads, capsys.readouterr().out.splitlines())
        assert main(["file", address]) == 0
        lines = capsys.readouterr().out
        assert main(["file", address, "-f", "csv"]) == 0
        assert ",'=One [2J," in capsys.readouterr().out
    titles = [record["title"] for record in records if record["type"] == "chunk"]
    assert titles == ["=One [2J"] * 3 + ["Two"] * 4  # the second begins in the fourth chunk
    assert [one["message"] for one in records if one["type"] == "event"] == ["title: =One [2J", "title: Two"]
    assert "title" not in verdict
    assert re.findall(r"title: (.*)", lines) == ["=One [2J", "Two"]
    assert "\x1b" not in lines


def test_titles_of_a_live_run(default, mp3):
    with (
        serving(head("audio/mpeg", *HEADER), with_titles(mp3, b"One", b"Two")) as address,
        listening("--source", address, "--speed", "8") as live,
    ):
        assert live.next("event")["message"] == "title: One"
        assert live.next("chunk")["title"] == "One"
        second = live.next("event", message="title: Two")
        assert second["time_s"] == pytest.approx(10, abs=1)
        assert second["state"] != "no input"
        assert live.next("chunk")["title"] == "Two"
        live.next("event", state="no input")
        live.next("event", message="title: One")  # the station was opened again
        live.stop()
