"""Behind nginx: the page, the events, the socket and an upload, under the proxy's own name."""

import contextlib
import json
import os
import shutil
import socket
import subprocess

import pytest

from genrestream.live.config import ListenConfig
from genrestream.serve.config import ServeConfig
from tests.conftest import METAL, ROOT
from tests.serve.serving import Socket, serving, until

PAGE = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")


@pytest.fixture
def proxied(shared, tmp_path):
    """A server with nginx before it, configured as the documentation says; yields both ports."""
    if shutil.which("nginx") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("nginx must be installed in CI: apt install nginx-light")
        pytest.skip("no nginx: apt install nginx-light")
    inputs, config = (
        {"main": ListenConfig(source=str(METAL), loop=True)},
        ServeConfig(port=0, allow_host=("music.example",)),
    )
    with serving(shared, tmp_path, inputs, config) as served, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        location = PAGE.split("```nginx\n")[1].split("```")[0].replace("127.0.0.1:8321", served.host)
        temporary = "".join(
            f"{name}_temp_path {tmp_path};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (tmp_path / "nginx.conf").write_text(
            f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/log; worker_processes 1; events {{}}\n"
            f"http {{ access_log off; {temporary} server {{ listen 127.0.0.1:{port}; server_name music.example;\n"
            f"{location}\n}} }}\n"
        )
        process = subprocess.Popen(["nginx", "-c", tmp_path / "nginx.conf", "-e", tmp_path / "log"])
        try:
            until(lambda: not _is_refused(port))
            yield served, port
        finally:
            process.terminate()
            process.wait(30)


def _is_refused(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) != 0


def test_all_works_through_nginx(proxied):
    served, port = proxied
    served.port = port
    own = {"Host": "music.example"}
    assert served.ask("/", headers=own)[0] == 200
    assert served.ask("/api/now", headers={"Host": "other.example"})[0] == 421
    with contextlib.closing(
        Socket(port, "/listen?format=file", {"host": "music.example", "origin": "http://music.example"})
    ) as one:
        assert one.status == 101
        one.send(METAL.read_bytes())
        one.send({"type": "end"})
        assert list(one.messages())[-1]["genres"] == ["metal"]
    with contextlib.closing(Socket(port, "/listen", {"host": "music.example", "origin": "http://evil.example"})) as one:
        assert one.status == 403
    status, _, body = served.ask("/classify", "POST", METAL.read_bytes(), own)
    assert status == 200
    assert json.loads(body.splitlines()[-1])["genres"] == ["metal"]
    with served.raw() as connection:
        connection.sendall(b"GET /events HTTP/1.1\r\nHost: music.example\r\n\r\n")
        data = b""
        while data.count(b'"type": "tick"') < 3:  # as they come, and not when the answer ends, which it never does
            data += connection.recv(65_536)
