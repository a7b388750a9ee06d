"""Who is refused: other sites' pages, other names, the slow, the many, the large, and those without the token."""

import contextlib
import http.client
import json
import socket
import time

import pytest

from genrestream.errors import OptionError
from genrestream.serve.config import ServeConfig
from genrestream.serve.web import deadlines
from tests.conftest import METAL
from tests.serve.serving import serving, until

TOKEN = "correct horse battery"


@pytest.fixture(scope="module")
def guarded(shared, tmp_path_factory):
    """A server with a token and without inputs."""
    config = ServeConfig(port=0, token=TOKEN, allow_host=("music.example",))
    with serving(shared, tmp_path_factory.mktemp("guarded"), config=config) as server:
        yield server


def origin(served):
    return f"http://{served.host}"


@pytest.mark.parametrize(
    "stranger",
    [
        "http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1", "http://127.0.0.1.evil.example",
        "file://",
    ],
)  # fmt: skip
def test_another_sites_page_may_neither_listen_nor_send(served, stranger):
    socket = served.socket(origin=stranger)
    assert socket.status == 403
    status, _, body = served.ask("/classify", "POST", b"RIFF", {"Origin": stranger})
    assert status == 403
    assert b"another site" in body


def test_another_sites_form_is_refused_also_without_an_origin(served):
    assert served.ask("/classify", "POST", b"RIFF", {"Sec-Fetch-Site": "cross-site"})[0] == 403


def test_another_sites_page_may_link_here_and_no_more(served):
    assert served.ask("/", headers={"Sec-Fetch-Site": "cross-site"})[0] == 200
    assert served.ask("/events", headers={"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert served.ask("/api/now", headers={"Origin": "http://evil.example"})[0] == 403


def test_the_own_page_may(served):
    socket = served.socket(origin=origin(served))
    assert socket.status == 101
    socket.send({"type": "end"})
    assert socket.all()[-1]["type"] == "error"  # nothing was played
    status, _, body = served.ask("/classify", "POST", METAL.read_bytes(), {"Origin": origin(served)})
    assert status == 200
    assert json.loads(body.splitlines()[-1])["genres"] == ["metal"]


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "music.example", "", "a@127.0.0.1", "10.0.0.1", "127.0.0.1/x"]
)
def test_a_strangers_name_that_leads_here_is_refused(served, host):
    assert served.ask("/api/now", headers={"Host": host})[0] in (400, 421)
    assert served.socket(host=host or "evil.example").status in (400, 403)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8321", "127.0.0.1", "[::1]:8321", "localhost."])
def test_its_own_names_are_not(served, host):
    assert served.ask("/api/now", headers={"Host": host})[0] == 200


def test_two_hosts_are_refused(served):
    with served.raw() as connection:
        connection.sendall(b"GET /api/now HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
        assert connection.recv(100).split()[1] in (b"400", b"421")


@pytest.mark.parametrize("path", [
    "/../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/%2e%2e/app.py", "//etc/passwd", "/app.js/../../server.py",
    "/page/index.html", "/style.css%00.html", "/.git/config", "/C:\\windows\\win.ini", "/app.js/",
])  # fmt: skip
def test_paths_that_lead_out_lead_nowhere(served, path):
    with served.raw() as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answer.split()[1] in (b"404", b"400", b"307")
    assert b"root:" not in answer
    assert b"import " not in answer


def test_each_answer_has_the_headers_that_keep_a_page_safe(served):
    for path in ("/", "/app.js", "/api/now", "/nothing", "/metrics"):
        headers = {name.lower(): value for name, value in served.ask(path)[1].items()}
        policy = headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers


def test_a_request_that_comes_byte_by_byte_is_cut_off(served, monkeypatch):
    monkeypatch.setattr(deadlines, "REQUEST_S", 0.5)
    silent, slow, again = served.raw(), served.raw(), served.raw()
    with silent, slow, again:
        again.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200" in again.recv(65_536)
        again.sendall(b"GET /heal")  # a second request on the same connection
        for byte in b"GET / HTTP/1.1\r\nX-Slow: 0123456789012345678901234567890123456789":
            with contextlib.suppress(OSError):
                slow.sendall(bytes([byte]))
            time.sleep(0.02)  # a client that is slow on purpose: no event to wait for
        for connection in (silent, slow, again):
            with contextlib.suppress(ConnectionResetError):
                while connection.recv(65_536):
                    pass  # returns at the end of the connection, else the socket's time runs out
    assert served.ask("/healthz")[0] == 200


def test_a_body_that_does_not_come_is_given_up(served, monkeypatch):
    monkeypatch.setattr("genrestream.serve.web.classify.IDLE_S", 0.3)
    with served.raw() as connection:
        connection.sendall(b"POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nOggS")
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert b"nothing came for 0.3 s" in answer
    until(lambda: served.parts.visits.places.n_taken == 0)


def test_a_thousand_idle_sockets_do_not_stop_it(served):
    from genrestream.serve.server import allow_sockets

    allow_sockets()  # this process holds both ends
    with contextlib.ExitStack() as stack:
        for number in range(1000):
            connection = stack.enter_context(served.raw())
            if number % 2:
                connection.sendall(b"GET / HTTP/1.1\r\n")
        assert served.ask("/healthz")[0] == 200
        assert served.json("/api/now")["inputs"]


def test_messages_of_10_mb_are_refused(served):
    socket = served.socket()
    with contextlib.suppress(OSError):  # it is closed while it is sent
        socket.send(bytes(10 << 20))
    with contextlib.suppress(OSError):
        socket.all()
    assert socket.code in (0, 1009)
    until(lambda: served.parts.visits.places.n_taken == 0)
    assert served.ask("/healthz")[0] == 200


def test_header_lines_without_end_are_refused(served):
    with served.raw() as connection, contextlib.suppress(ConnectionResetError, BrokenPipeError):
        connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000)
        assert b"400" in connection.recv(65_536)


def test_a_server_without_inputs_gives_signs_of_life(guarded, monkeypatch):
    monkeypatch.setattr("genrestream.serve.web.events.ALIVE_S", 0.05)
    with guarded.raw() as connection:
        head = f"GET /events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        connection.sendall(head.encode())
        data = b""
        while data.count(b'data: {"type": "alive"}') < 3:
            data += connection.recv(65_536)


def test_a_viewer_who_takes_nothing_is_let_go(served, monkeypatch):
    monkeypatch.setattr("genrestream.serve.web.events.STALLED_S", 0.3)
    before = served.parts.hub.n_viewers
    with served.raw() as connection:
        connection.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until(lambda: served.parts.hub.n_viewers == before + 1)
        message = {"type": "event", "input": "bar", "message": "x" * 1_000_000}  # more than the system's buffers hold

        def is_let_go():
            served.parts.hub.publish(message)
            return served.parts.hub.n_viewers == before

        until(is_let_go)


# With a token --------------------------------------------------------------------------------------------------------


def test_without_the_token_there_is_nothing_but_health(guarded):
    for path in ("/", "/api/now", "/events", "/metrics", "/openapi.json", "/?token=wrong", "/nothing"):
        status, _, body = guarded.ask(path)
        assert status == 401
        assert TOKEN.encode() not in body
    assert guarded.ask("/classify", "POST", b"x")[0] == 401
    assert guarded.socket().status == 403
    assert guarded.ask("/healthz")[0] == 200


def test_the_first_visit_sets_a_cookie_that_opens_the_rest(guarded):
    status, headers, _ = guarded.ask("/?view=now&token=correct%20horse%20battery")
    assert (status, headers["location"]) == (303, "./?view=now")
    cookie, *rules = headers["set-cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(rules)
    assert TOKEN not in cookie
    assert guarded.ask("/api/now", headers={"Cookie": f"other=1; {cookie}"})[0] == 200
    assert guarded.ask("/api/now", headers={"Cookie": cookie[:-1] + ("0" if cookie[-1] != "0" else "1")})[0] == 401
    assert guarded.socket(cookie=cookie, origin=f"http://{guarded.host}").status == 101
    assert guarded.socket(cookie=cookie, origin="http://evil.example").status == 403


def test_programs_send_the_token_as_a_header(guarded):
    assert guarded.ask("/api/now", headers={"Authorization": f"Bearer {TOKEN}"})[0] == 200
    assert guarded.ask("/api/now", headers={"Authorization": "Bearer no"})[0] == 401
    assert guarded.ask("/api/now", headers={"Authorization": "Basic eDp5"})[0] == 401


def test_a_name_that_was_allowed_leads_here(guarded):
    given = {"Host": "music.example", "Authorization": f"Bearer {TOKEN}"}
    assert guarded.ask("/api/now", headers=given)[0] == 200
    assert guarded.ask("/classify", "POST", b"", given | {"Origin": "https://music.example"})[0] == 200
    assert guarded.ask("/classify", "POST", b"", given | {"Origin": "https://other.example"})[0] == 403


@pytest.mark.parametrize(("options", "words"), [
    ({"host": "0.0.0.0"}, "needs --token"),
    ({"host": "::"}, "needs --token"),
    ({"host": "192.0.2.1"}, "needs --token"),
    ({"token": "short"}, "must have at least 12 characters"),
    ({"token": "süß und lang genug"}, "must have at least 12 characters"),
    ({"port": 70_000}, "must be from 0 to 65535"),
])  # fmt: skip
def test_addresses_and_tokens_that_will_not_do(options, words, monkeypatch):
    monkeypatch.delenv("GENRESTREAM_TOKEN", raising=False)
    with pytest.raises(OptionError) as error:
        ServeConfig(**options)
    assert words in error.value.as_option
    assert str(options.get("token")) not in str(error.value)


def test_on_another_address_any_address_but_no_strangers_name_leads_here(shared, tmp_path):
    with serving(shared, tmp_path, config=ServeConfig(host="0.0.0.0", port=0, token=TOKEN)) as served:
        token = {"Authorization": f"Bearer {TOKEN}"}
        assert served.ask("/api/now", headers=token | {"Host": "192.168.1.7:8321"})[0] == 200
        assert served.ask("/api/now", headers=token | {"Host": socket.gethostname()})[0] == 200
        assert served.ask("/api/now", headers=token | {"Host": "rebound.example"})[0] == 421


def test_requests_that_are_none_end_the_connection(served):
    for nonsense in (b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 50, b"GET  / \r\n\r\n"):
        with served.raw() as connection:
            connection.sendall(nonsense)
            connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                while connection.recv(65_536):
                    pass
    with contextlib.closing(http.client.HTTPConnection(served.host)) as connection:
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200
