"""``genrestream serve``: the live page, the API and the ways out."""

import collections
import importlib.util

from genrestream.cli.serving.options import ServeOptions
from genrestream.cli.std_streams import stdin_is_closed
from genrestream.errors import AudioError, UsageError
from genrestream.live.config import ListenConfig
from genrestream.live.microphone import quiet_libraries
from genrestream.live.signals import signals_received
from genrestream.output.open_sinks import report
from genrestream.serve.config import ServeConfig
from genrestream.ways_out.now import MAIN

NEEDED = {"starlette": "Starlette", "uvicorn": "uvicorn", "wsproto": "wsproto"}


def run(options: ServeOptions) -> int:
    """Serve until a signal comes, and return the exit code.

    Raises:
        UsageError: An option has a value that it cannot have, or a package is missing.
        AudioError: An input is not there.
        CheckpointError: The model cannot be loaded.
        OutputError: The history cannot be kept.
    """
    for module, name in NEEDED.items():
        if importlib.util.find_spec(module) is None:
            raise UsageError(f"serve: needs {name}; pip install 'genrestream[serve]'")
    from genrestream.serve import server, turns
    from genrestream.serve.web.app import application

    inputs = _inputs(options)
    with quiet_libraries():
        opened = [(one, one.checked()) for one in inputs]
        with server.bound(options.server) as listening, signals_received() as signals:
            server.allow_sockets()
            model = turns.load(options.model)
            model.session(options.stream)  # compiles what is not in the cache yet, before anybody waits for it
            if signals.received:
                return signals.exit_code
            parts = server.prepared(options.server, options.kept, options.ways, opened, model, report)
            with parts as ready:
                _welcome(options.server, listening.getsockname()[1])
                server.made(application(ready), ready.hub, lambda: signals.received).run([listening])
                senders = ready.senders
        for sender in senders:
            if sender.summary:
                report(sender.summary)
        return signals.exit_code


def _inputs(options: ServeOptions) -> list:
    from genrestream.serve.inputs import InputConfig, named

    base = ListenConfig(stream=options.stream, raw=options.raw)
    if options.no_input:
        return []
    if not options.input:
        config = ListenConfig(
            device=(options.device,) if options.device else (),
            source=options.source,
            loop=options.loop,
            stream=options.stream,
            raw=options.raw,
        )
        found = [InputConfig(MAIN, config)]
    else:
        found = [named(text, base, options.loop) for text in options.input]
    for what, number in collections.Counter(one.name for one in found).items():
        if number > 1:
            raise UsageError(f"--input {what}=…: there are {number} inputs of this name; give each its own")
    pipes = [one for one in found if one.listen.source == "-"]
    if len(pipes) > 1:
        raise UsageError("--input …=-: only one input can be standard input")
    if pipes and stdin_is_closed():
        raise AudioError("-: standard input is closed; pipe music into it, or name a file")
    return found


def _welcome(config: ServeConfig, port: int) -> None:
    """Print where the page is."""
    host = f"[{config.host}]" if ":" in config.host else config.host
    hint = "?token=…  (the token that you gave)" if config.secret else ""
    print(f"http://{host}:{port}/{hint}", flush=True)
