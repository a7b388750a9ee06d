"""The server: its socket, its threads, and how it ends."""

import contextlib
import logging
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import uvicorn

from genrestream.errors import OptionError, UsageError
from genrestream.live.devices import Device
from genrestream.serve.config import HistoryConfig, ServeConfig, default_history
from genrestream.serve.history import Entry, HistoryFile
from genrestream.serve.hub import Hub
from genrestream.serve.inputs import Input, InputConfig, Keep
from genrestream.serve.stretches import Stretch
from genrestream.serve.turns import SharedModel
from genrestream.serve.view import Counts
from genrestream.serve.web.app import Parts
from genrestream.serve.web.deadlines import Deadlines
from genrestream.serve.web.security import App
from genrestream.serve.web.visitors import Places, Visits
from genrestream.ways_out.config import WaysOutConfig
from genrestream.ways_out.sender import Sender
from genrestream.ways_out.teller import Teller, senders

BACKLOG = 1024
MAX_MESSAGE = 1 << 20  # bytes of one message of a WebSocket
GOING_S = 3.0
OPEN_S = 10.0  # between two entries of stretches that are not over


def bound(config: ServeConfig) -> socket.socket:
    """Return the socket to listen on, before the model is loaded.

    Raises:
        UsageError: The address is none of this machine, or in use.
    """
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    found = socket.socket(family)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((config.host, config.port))
        found.listen(BACKLOG)
    except socket.gaierror as error:
        found.close()
        raise OptionError("host", config.host, "is no address of this machine") from error
    except OSError as error:
        found.close()
        why = (error.strerror or str(error)).lower()
        raise UsageError(f"--host {config.host} --port {config.port}: {why}; choose another with --port") from error
    return found


def allow_sockets() -> None:
    """Let this process have as many open sockets as the system lets it: a thousand idle ones must not stop it."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 16_384 if hard == resource.RLIM_INFINITY else min(hard, 16_384)
        if soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextlib.contextmanager
def prepared(
    config: ServeConfig,
    kept: HistoryConfig,
    ways: WaysOutConfig,
    inputs: Sequence[tuple[InputConfig, Device | None]],
    model: SharedModel,
    report: Callable[[str], None],
) -> Iterator[Parts]:
    """Make all parts of a server, and let the inputs listen until the block ends.

    Args:
        config: To whom the page is served.
        kept: What is kept of the history.
        ways: Which other programs are sent to.
        inputs: The server's inputs, with their devices.
        model: The model of all.
        report: Takes lines about what fails and works again.

    Raises:
        UsageError: A way out cannot be used.
        OutputError: The history cannot be kept.
    """
    with contextlib.ExitStack() as stack:
        path = _history_path(kept, stack)
        keeper = Sender(HistoryFile(path, kept.keep_days), report, "history")
        stack.callback(keeper.close)
        told = stack.enter_context(senders(ways, report))
        hub, name = Hub(), model.card.name
        opened = {
            one.name: Input(
                one, model, device, hub.publish, [Teller(one.name, name, ways.every_s, told)],
                _kept(keeper, one.name, name), report,
            )
            for one, device in inputs
        }  # fmt: skip
        visits = Visits(
            model, Counts(), Places(config.max_sessions), config.max_upload_mb << 20, 60 * config.max_minutes
        )
        for one in opened.values():
            one.start()
            stack.callback(one.close)
        for one in opened.values():  # at the end this comes first: all end at once, not one after another
            stack.callback(one.end)
        yield Parts(config, model.card, opened, hub, visits, told, path)


def made(app: App, hub: Hub, should_stop: Callable[[], object] = lambda: False) -> "Server":
    """Return a server of the application; its ``run`` serves until a signal comes or it should stop.

    Args:
        app: The application.
        hub: Its viewers, who are let go at the end.
        should_stop: Called ten times a second; a true result ends it.
    """
    log = logging.getLogger("uvicorn.error")
    log.setLevel(logging.ERROR)
    log.addFilter(_is_no_stalled_visitor)
    settings = uvicorn.Config(
        app, http=Deadlines, ws="wsproto", ws_max_size=MAX_MESSAGE, ws_per_message_deflate=False, lifespan="off",
        log_config=None, access_log=False, server_header=False, proxy_headers=False, timeout_keep_alive=10,
        timeout_graceful_shutdown=int(GOING_S), h11_max_incomplete_event_size=16_384,
    )  # fmt: skip
    return Server(settings, hub, should_stop)


class Server(uvicorn.Server):
    """A server that lets its viewers go when it ends."""

    def __init__(self, config: uvicorn.Config, hub: Hub, should_stop: Callable[[], object]):
        super().__init__(config)
        self._hub, self._should_stop = hub, should_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin."""
        self._hub.begin()
        await super().startup(sockets)

    async def on_tick(self, counter: int) -> bool:
        """Look whether to end."""
        return await super().on_tick(counter) or bool(self._should_stop())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End."""
        self._hub.close()
        await super().shutdown(sockets)


def _is_no_stalled_visitor(record: logging.LogRecord) -> bool:
    return "without completing" not in str(record.msg)


def _history_path(kept: HistoryConfig, stack: contextlib.ExitStack) -> Path:
    if kept.no_history:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="genrestream-"))) / "history.sqlite"
    return Path(kept.history) if kept.history else default_history()


def _kept(keeper: Sender[Entry], name: str, model: str) -> Keep:
    """Return what gives an input's stretches to the history: those that ended at once, the others now and then."""
    before_s = 0.0

    def keep(ended: Sequence[Stretch], still_open: Sequence[Stretch]) -> None:
        nonlocal before_s
        if ended or time.monotonic() - before_s > OPEN_S:
            before_s = time.monotonic()
            keeper.put(Entry(name, model, tuple(ended), tuple(still_open)))

    return keep
