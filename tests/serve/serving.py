"""A server of a test's own, in this process, and clients that say what browsers never would."""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import wsproto
from wsproto import events

from genrestream.live.config import ListenConfig
from genrestream.serve import server
from genrestream.serve.config import HistoryConfig, ServeConfig
from genrestream.serve.inputs import InputConfig
from genrestream.serve.turns import SharedModel
from genrestream.serve.web.app import application
from genrestream.ways_out.config import WaysOutConfig

WAIT_S = 60.0


class Served:
    """A server that runs."""

    def __init__(self, port: int, parts: Any, lines: list[str]):
        self.port, self.parts, self.lines = port, parts, lines
        self.host = f"127.0.0.1:{port}"
        self._sockets: list[Socket] = []

    def ask(self, path: str, method: str = "GET", body: Any = None, headers: dict[str, str] | None = None) -> tuple:
        """Return status, headers and body of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()

    def json(self, path: str) -> Any:
        status, _, body = self.ask(path)
        assert status == 200, body
        return json.loads(body)

    def raw(self) -> socket.socket:
        """Return a connection that has said nothing yet."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_S)

    def socket(self, query: str = "format=f32le&rate=16000", **headers: str) -> "Socket":
        self._sockets.append(Socket(self.port, f"/listen?{query}", headers))
        return self._sockets[-1]

    def close(self) -> None:
        """Close the sockets that tests opened."""
        for one in self._sockets:
            one.close()

    def messages(self, *kinds: str, path: str = "/events", host: str | None = None) -> Generator[dict, None, None]:
        """Yield what is sent to a viewer, of some types."""
        connection = http.client.HTTPConnection(host or self.host, timeout=WAIT_S)
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            assert answer.status == 200
            while line := answer.readline():
                if line.startswith(b"data: "):
                    message = json.loads(line[6:])
                    if not kinds or message["type"] in kinds:
                        yield message

    def until(self, condition: Any, path: str = "/events") -> dict:
        """Return the first message for which a condition holds."""
        with contextlib.closing(self.messages(path=path)) as messages:
            return next(message for message in messages if condition(message))


class Socket:
    """A WebSocket; `status` is that of the answer, 101 where it was accepted."""

    def __init__(self, port: int, path: str, headers: dict[str, str]):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)
        self._connection = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        given = [(name.encode(), value.encode()) for name, value in headers.items() if name != "host"]
        host = headers.get("host", f"127.0.0.1:{port}")
        self._send(events.Request(host=host, target=path, extra_headers=given))
        self.status, self.code = 0, 0
        self._waiting: list[Any] = []
        event = self._next()
        self.status = 101 if isinstance(event, events.AcceptConnection) else getattr(event, "status_code", 0)

    def send(self, data: bytes | dict) -> None:
        is_bytes = isinstance(data, bytes)
        event = events.BytesMessage(data=data) if is_bytes else events.TextMessage(data=json.dumps(data))
        self._send(event)

    def say(self, text: str) -> None:
        self._send(events.TextMessage(data=text))

    def messages(self) -> Iterator[dict]:
        """Yield messages until the socket is closed; its code is in `code` then."""
        text = ""
        while True:
            event = self._next()
            if event is None:
                return
            if isinstance(event, events.CloseConnection):
                self.code = event.code
                return
            if isinstance(event, events.TextMessage):
                text += event.data
                if event.message_finished:
                    yield json.loads(text)
                    text = ""

    def all(self) -> list[dict]:
        with contextlib.closing(self._socket):
            return list(self.messages())

    def close(self) -> None:
        self._socket.close()

    def _send(self, event: Any) -> None:
        self._socket.sendall(self._connection.send(event))

    def _next(self) -> Any:
        while not self._waiting:
            try:
                data = self._socket.recv(65_536)
            except ConnectionResetError:
                return None
            self._connection.receive_data(data or None)
            self._waiting += list(self._connection.events())
            if not data and not self._waiting:
                return None
        event = self._waiting.pop(0)
        if isinstance(event, events.Ping):
            self._send(event.response())
            return self._next()
        return event


@contextlib.contextmanager
def serving(
    model: SharedModel,
    folder: Path,
    inputs: dict[str, ListenConfig] | None = None,
    config: ServeConfig = ServeConfig(port=0),  # noqa: B008 - frozen
    ways: WaysOutConfig = WaysOutConfig(),  # noqa: B008 - frozen
    kept: HistoryConfig | None = None,
) -> Iterator[Served]:
    """Serve until the block ends."""
    kept = kept or HistoryConfig(history=str(folder / "history.sqlite"))
    chosen = [(InputConfig(name, listen), None) for name, listen in (inputs or {}).items()]
    lines: list[str] = []
    with (
        server.bound(config) as listening,
        server.prepared(config, kept, ways, chosen, model, lines.append) as parts,
    ):
        running = server.made(application(parts), parts.hub)
        thread = threading.Thread(target=running.run, args=[[listening]], daemon=True)
        thread.start()
        until(lambda: running.started)
        served = Served(listening.getsockname()[1], parts, lines)
        try:
            yield served
        finally:
            served.close()
            running.should_exit = True
            thread.join(WAIT_S)
            assert not thread.is_alive()


def until(condition: Any, timeout_s: float = WAIT_S) -> Any:
    """Wait for a condition, and return what it returned."""
    ends_s = time.monotonic() + timeout_s
    while not (result := condition()):
        assert time.monotonic() < ends_s, "it did not come true in time"
        time.sleep(0.02)
    return result
