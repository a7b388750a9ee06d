"""A radio station's stream with titles between the audio (ICY metadata).

FFmpeg takes the titles out of the stream, but PyAV hands on only the first one, so a station is read here.
"""

import contextlib
import errno
import http.client
import re
import urllib.request
from collections.abc import Iterator
from typing import Any

MAX_TITLE = 300  # characters; a station can send 4,080 bytes
TITLE = re.compile(rb"StreamTitle='(.*?)(?:';|'?$)", re.DOTALL)


class Station:
    """What a station sends, as bytes of audio.

    Args:
        url: Its ``http(s)://`` address.
        timeout_s: How long it may be silent.

    Attributes:
        title: What it says is playing: one line, printable; empty where it does not say.

    Raises:
        OSError: It does not answer, or with an error.
        ValueError: The address cannot be used.
    """

    def __init__(self, url: str, timeout_s: float):
        request = urllib.request.Request(url, headers={"Icy-MetaData": "1", "User-Agent": "genrestream"})
        with _http_errors():
            self._response = _opener().open(request, timeout=timeout_s)
        interval = self._response.headers.get("icy-metaint", "")
        self._interval = int(interval) if re.fullmatch(r"\d{1,9}", interval) else 0
        self._left, self.title = self._interval, ""

    def read(self, n_bytes: int) -> bytes:
        """Return what is there, at most so many bytes; none at the end."""
        with _http_errors():
            if not self._interval:
                return self._response.read1(n_bytes)
            if not self._left:
                self._read_title()
            audio = self._response.read1(min(n_bytes, self._left))
            self._left -= len(audio)
            return audio

    def close(self) -> None:
        """Close the connection."""
        self._response.close()

    def _read_title(self) -> None:
        length = self._response.read(1)
        block = self._response.read(16 * length[0]) if length else b""
        self._left = self._interval
        if (title := title_in(block)) is not None:
            self.title = title


def title_in(block: bytes) -> str | None:
    """Return the title that a block of metadata gives, in one printable line; None where it gives none."""
    found = TITLE.search(block.rstrip(b"\0"))
    if not found:
        return None
    try:
        text = found[1].decode("utf-8")
    except UnicodeDecodeError:  # old stations send Western European
        text = found[1].decode("cp1252", "replace")
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:MAX_TITLE]


@contextlib.contextmanager
def _http_errors() -> Iterator[None]:
    """Turn an answer that is no HTTP, or breaks off inside a part of known length, into an ``OSError``."""
    try:
        yield
    except http.client.HTTPException as error:
        raise OSError(errno.EIO, "the connection was closed") from error


class _Response(http.client.HTTPResponse):
    """Takes the first line of SHOUTcast servers, ``ICY 200 OK``, for HTTP."""

    def _read_status(self) -> Any:
        start = self.fp.peek(4)[:4]
        if start != b"ICY ":
            return super()._read_status()  # type: ignore[misc]
        _, status, *reason = self.fp.readline(1000).decode("latin-1").split(None, 2)
        if not status.isdecimal():
            raise http.client.BadStatusLine(status)
        return "HTTP/1.0", int(status), "".join(reason).strip()


class _Connection(http.client.HTTPConnection):
    response_class = _Response


class _Handler(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Connection, req)


def _opener() -> urllib.request.OpenerDirector:
    """Return what opens http and https, and follows redirections to nothing else."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(), _Handler(), urllib.request.HTTPSHandler(), urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(), urllib.request.HTTPDefaultErrorHandler(), urllib.request.UnknownHandler(),
    ):  # fmt: skip
        opener.add_handler(handler)
    return opener
