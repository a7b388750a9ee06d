"""Servers that send damaged answers, break off, give a wrong length, send slowly or redirect without end."""

from pathlib import Path

import numpy as np

from genrestream.audio.reading import opening
from genrestream.audio.source import AudioSource
from genrestream.errors import AudioError
from tests.audio.servers import head, serving
from tests.fuzz.mutations import mutated

BODIES = ("lame.mp3", "vorbis.ogg", "adts.aac", "aac.m4a", "s16.wav", "opus.webm")
TIMEOUT_S, PAUSE_S = 2.0, 0.1
Answers = tuple[bytes | float, ...]


def attempt(folder: Path, number: int, rng: np.random.Generator) -> tuple[str, str, str]:
    """Read from one broken server; return what it did, the outcome and the message."""
    opening.NETWORK_TIMEOUT_S = TIMEOUT_S  # in this process, which does nothing else
    name = BODIES[int(rng.integers(len(BODIES)))]
    kind = KINDS[number % len(KINDS)]
    what = f"{name} {kind.__name__.strip('_')}"
    with serving(*kind((folder / name).read_bytes(), rng)) as address:
        try:
            with AudioSource(f"{address}/{name}") as source:
                for _ in source:
                    pass
                return what, "reported" if source.problems else "read", "; ".join(source.problems)
        except AudioError as error:
            return what, "refused", str(error)


def _damaged_head(body: bytes, rng: np.random.Generator) -> Answers:
    content, _ = mutated(head("audio/mpeg", f"Content-Length: {len(body)}"), rng)
    return content, body


def _damaged_body(body: bytes, rng: np.random.Generator) -> Answers:
    content, _ = mutated(body, rng)
    return head("audio/mpeg", f"Content-Length: {len(content)}"), content


def _broken_off(body: bytes, rng: np.random.Generator) -> Answers:
    return head("audio/mpeg", f"Content-Length: {len(body)}"), body[: int(rng.integers(len(body)))]


def _in_parts(body: bytes, rng: np.random.Generator) -> Answers:
    """Send an answer in parts ("chunked") that is damaged, broken off or whole."""
    n_bytes = int(rng.integers(1, len(body)))
    parts = [f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in (body[:n_bytes], body[n_bytes:], b"")]
    content = b"".join(parts)
    damaged = (mutated(content, rng)[0], content[: int(rng.integers(len(content)))], content)[int(rng.integers(3))]
    return head("audio/mpeg", "Transfer-Encoding: chunked", status="HTTP/1.1 200 OK"), damaged


def _wrong_length(body: bytes, rng: np.random.Generator) -> Answers:
    claimed = (0, -1, 1, len(body) // 2, 2 * len(body), 1 << 62, 1 << 70)[int(rng.integers(7))]
    return head("audio/mpeg", f"Content-Length: {claimed}"), body


def _endless_redirect(_: bytes, rng: np.random.Generator) -> Answers:
    place = ("/again", "", "//", "file:///etc/passwd", "ftp://127.0.0.1/", "x" * 5000)[int(rng.integers(6))]
    return (head("text/html", f"Location: {place}", status="HTTP/1.1 302 Found"),)


def _slow(body: bytes, _: np.random.Generator) -> Answers:
    parts = [body[start : start + len(body) // 4] for start in range(0, len(body), max(1, len(body) // 4))]
    return head("audio/mpeg"), *(thing for part in parts for thing in (PAUSE_S, part))


def _stalled(body: bytes, rng: np.random.Generator) -> Answers:
    return head("audio/mpeg"), body[: int(rng.integers(len(body)))], 2 * TIMEOUT_S


KINDS = (_damaged_head, _damaged_body, _broken_off, _in_parts, _wrong_length, _endless_redirect, _slow, _stalled)
