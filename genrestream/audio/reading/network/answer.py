"""A server's answer of unknown length: its end, and the titles that a radio station sends between the audio.

FFmpeg does not tell an answer that ended from one that broke off where the server sends it in parts ("chunked", RFC
9112), and of a station's titles (ICY metadata) PyAV hands on only the first. So such an answer is read here.
"""

import errno
import http.client
import re
import urllib.request
from typing import Any

MAX_TITLE = 300  # characters; a station can send 4,080 bytes
TITLE = re.compile(rb"StreamTitle='(.*?)(?:';|'?$)", re.DOTALL)


class Answer:
    """What a server sends, as bytes of audio.

    Args:
        url: Its ``http(s)://`` address.
        timeout_s: How long it may be silent.

    Attributes:
        title: What a station says is playing: one line, printable; empty where it does not say.
        error: Why it ended before the answer was complete; None where it did not.

    Raises:
        OSError: It does not answer, or with an error.
        ValueError: The address cannot be used.
    """

    def __init__(self, url: str, timeout_s: float):
        request = urllib.request.Request(url, headers={"Icy-MetaData": "1", "User-Agent": "genrestream"})
        try:
            self._response = _opener().open(request, timeout=timeout_s)
        except http.client.HTTPException as error:
            raise _as_os_error(error) from error
        interval = self._response.headers.get("icy-metaint", "")
        self._interval = int(interval) if re.fullmatch(r"\d{1,9}", interval) else 0
        self._left, self.title = self._interval, ""
        self.error: OSError | None = None

    def read(self, n_bytes: int) -> bytes:
        """Return what is there, at most so many bytes; none at the end, nor after an error.

        An error is kept, not raised: FFmpeg would lose what it holds, and takes some for the end.
        """
        if self.error:
            return b""
        try:
            if self._interval and not self._left:
                self._read_title()
            audio = self._response.read1(min(n_bytes, self._left) if self._interval else n_bytes)
        except (OSError, http.client.HTTPException) as error:
            self.error = _as_os_error(error)
            return b""
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


def _as_os_error(error: OSError | http.client.HTTPException) -> OSError:
    """Return an answer that is no HTTP, or ends before its last part, as an ``OSError``."""
    return error if isinstance(error, OSError) else OSError(errno.EIO, "the connection was closed")


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
