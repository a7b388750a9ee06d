"""OSC, webhooks and commands, each with a real receiver; and all of them at once beside a run."""

import contextlib
import http.server
import json
import socket
import subprocess
import sys
import threading
import time

import pytest
from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_server import ThreadingOSCUDPServer

from genrestream.errors import OutputError, UsageError
from genrestream.ways_out import webhook
from genrestream.ways_out.command import Command
from genrestream.ways_out.osc import Osc
from genrestream.ways_out.sender import RefusedError, Sender
from genrestream.ways_out.target import parsed
from genrestream.ways_out.webhook import Webhook
from tests.conftest import METAL


@contextlib.contextmanager
def stage():
    """Receive OSC; yields its port, what came by address, and an event for each bundle's last message."""
    values, arrived, dispatcher = {}, threading.Event(), Dispatcher()

    def take(address, *arguments):
        values[address] = arguments
        if address.endswith("/rock"):
            arrived.set()

    dispatcher.set_default_handler(take)
    with ThreadingOSCUDPServer(("127.0.0.1", 0), dispatcher) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server.server_address[1], values, arrived
        server.shutdown()


@contextlib.contextmanager
def hooked(*statuses, wait_s=0.0):
    """Answer posts with one status after another, the last one for ever; yields the port and what was posted."""
    posted, left = [], list(statuses)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted.append((self.path, self.headers.get("Authorization"), json.loads(body)))
            time.sleep(wait_s)
            with contextlib.suppress(OSError):
                self.send_response(left.pop(0) if len(left) > 1 else left[0])
                self.send_header("Location", "http://127.0.0.1:1/")
                self.end_headers()

        def log_message(self, format, *args):
            """Say nothing."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads, block_on_close = True, False

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server.server_address[1], posted
        server.shutdown()


def test_osc_is_one_bundle_of_typed_values(now):
    with stage() as (port, values, arrived):
        sender = Sender(Osc(parsed(f"osc://127.0.0.1:{port}/lights")))
        sender.put(now)
        assert arrived.wait(30)
        sender.close()
    assert values["/lights/main/genre"] == ("metal",)
    assert values["/lights/main/state"] == ("music",)
    assert values["/lights/main/probability"] == pytest.approx((0.97,))
    assert values["/lights/main/level"] == pytest.approx((-12.0,))
    assert values["/lights/main/probs/rock"] == pytest.approx((0.03,))


def test_osc_to_a_host_that_is_not_there():
    with pytest.raises(UsageError, match="is unknown"):
        Osc(parsed("osc://no-such-host.invalid:9000"))


def test_a_webhook_gets_json_and_is_tried_again_while_it_is_busy(now):
    with hooked(503, 429, 204) as (port, posted):
        sender = Sender(Webhook(parsed(f"http://me:pass@127.0.0.1:{port}/hook?x=1")))
        sender.put(now)
        sender.close()
    assert (sender.n_sent, sender.n_dropped) == (1, 0)
    assert len(posted) == 3
    path, login, message = posted[-1]
    assert (path, login) == ("/hook?x=1", "Basic bWU6cGFzcw==")
    assert message == json.loads(json.dumps(now.to_dict()))


@pytest.mark.parametrize(("path", "asked"), [("", "/"), ("?x=1", "/?x=1"), ("/é?x=é%20b", "/%C3%A9?x=%C3%A9%20b")])
def test_any_path_of_a_webhook_becomes_a_request(path, asked, now):
    with hooked(204) as (port, posted):
        Webhook(parsed(f"http://127.0.0.1:{port}{path}")).send(now)
    assert posted[0][0] == asked


@pytest.mark.parametrize(("status", "error"), [(404, RefusedError), (302, RefusedError), (500, OutputError)])
def test_a_webhook_that_does_not_want_it(status, error, now):
    with hooked(status) as (port, posted), pytest.raises(error, match=f"the server answers {status}"):
        Webhook(parsed(f"http://127.0.0.1:{port}/")).send(now)
    assert len(posted) == 1  # a redirection is not followed


def test_a_webhook_that_hangs_or_is_not_there(now, monkeypatch):
    monkeypatch.setattr(webhook, "TIMEOUT_S", 0.2)
    with hooked(200, wait_s=2) as (port, _), pytest.raises(OutputError, match=r"no answer for 0\.2 s"):
        Webhook(parsed(f"http://127.0.0.1:{port}/")).send(now)
    with pytest.raises(OutputError, match="cannot be reached"):
        Webhook(parsed(f"http://127.0.0.1:{port}/")).send(now)


def test_a_command_gets_json_and_no_shell(now, tmp_path):
    out = tmp_path / "out; touch hacked"
    program = f"import sys; open({str(out)!r}, 'a').write(sys.stdin.read())"
    command = Command(parsed(f'exec:{sys.executable} -c "{program}" $(touch hacked) ; touch hacked'))
    command.send(now)
    assert json.loads(out.read_text())["genre"] == "metal"
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


@pytest.mark.parametrize(
    ("program", "words"),
    [("import sys; sys.exit(3)", "ends with code 3"), ("import time; time.sleep(60)", "was killed after 0.5 s")],
)
def test_a_command_that_fails_or_hangs(program, words, now, monkeypatch):
    monkeypatch.setattr("genrestream.ways_out.command.TIMEOUT_S", 0.5)
    with pytest.raises(OutputError, match=words):
        Command(parsed(f"exec:{sys.executable} -c '{program}'")).send(now)


def test_a_command_that_runs_when_the_run_ends_is_killed(now):
    sender = Sender(Command(parsed(f"exec:{sys.executable} -c 'import time; time.sleep(60)'")))
    sender.put(now)
    began_s = time.monotonic()
    sender.close()
    assert time.monotonic() - began_s < 10
    assert sender.n_dropped == 1


def test_a_command_that_is_none():
    with pytest.raises(UsageError, match="no such command"):
        Command(parsed("exec:no-such-command now"))


def test_a_run_tells_all_and_a_dead_one_costs_nothing(default, tmp_path):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
        with stage() as (port, values, arrived), hooked(200) as (hook, posted):
            to = [f"osc://127.0.0.1:{port}", f"http://127.0.0.1:{hook}/", dead]
            options = [option for address in to for option in ("--to", address)]
            command = [sys.executable, "-m", "genrestream", "listen", "--source", str(METAL), "--speed", "inf"]
            done = subprocess.run(
                [*command, *options, "--output", str(tmp_path / "out.jsonl")],
                capture_output=True, text=True, timeout=120, check=True,
            )  # fmt: skip
            assert arrived.wait(30)
    assert values["/genrestream/main/genre"] == ("metal",)
    assert {message["genre"] for _, _, message in posted} >= {"nothing", "metal"}
    assert f"--to {dead}: cannot be reached" in done.stderr
    assert "messages were dropped" in done.stderr
    verdict = json.loads((tmp_path / "out.jsonl").read_text().splitlines()[-1])
    assert (verdict["genres"], verdict["problems"]) == (["metal"], [])
