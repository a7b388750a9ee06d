"""The application: which address is answered by what."""

import asyncio
import dataclasses
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute

import genrestream
from genrestream.errors import OutputError
from genrestream.inference.checkpoint import Card
from genrestream.output.colours import colour, text_colour
from genrestream.serve import history
from genrestream.serve.config import ServeConfig
from genrestream.serve.hub import Hub
from genrestream.serve.inputs import Input
from genrestream.serve.spectrogram import COLUMN_S, SHAPE
from genrestream.serve.web.classify import Classify
from genrestream.serve.web.events import Events
from genrestream.serve.web.listen import Listen
from genrestream.serve.web.metrics import CONTENT_TYPE, metrics
from genrestream.serve.web.security import App, Security
from genrestream.serve.web.visitors import Visits
from genrestream.streaming.history import NO_GENRE
from genrestream.ways_out.sender import Sender

PAGE = Path(__file__).parent.parent / "page"
FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/app.js": ("app.js", "text/javascript; charset=utf-8"),
    "/worklet.js": ("worklet.js", "text/javascript; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    "/openapi.json": ("openapi.json", "application/json"),
}
STATES = (*NO_GENRE, "unsure", "nothing")
DAY_S = 86_400


@dataclasses.dataclass(frozen=True)
class Parts:
    """What the application answers with.

    Attributes:
        config: To whom.
        card: The model's card.
        inputs: The server's inputs by name.
        hub: Who watches them.
        visits: What visitors bring.
        senders: Who is sent messages besides.
        history: The file of the history.
    """

    config: ServeConfig
    card: Card
    inputs: dict[str, Input]
    hub: Hub
    visits: Visits
    senders: Sequence[Sender]
    history: Path


def application(parts: Parts) -> App:
    """Return the application."""
    return Security(Starlette(routes=routes(parts)), parts.config)


def routes(parts: Parts) -> list[Route | WebSocketRoute]:
    """Return which address is answered by what."""

    async def now(request: Request) -> Response:
        return JSONResponse(_now(parts))

    async def past(request: Request) -> Response:
        return await _history(parts, request)

    async def health(request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def figures(request: Request) -> Response:
        text = metrics(parts.card.name, parts.inputs.values(), parts.hub, parts.visits, parts.senders)
        return Response(text, media_type=CONTENT_TYPE)

    return [
        *(Route(path, _file) for path in FILES),
        Route("/api/now", now),
        Route("/api/history", past),
        Route("/events", Events(parts.hub, parts.inputs), methods=["GET"]),
        Route("/classify", Classify(parts.visits), methods=["POST"]),
        WebSocketRoute("/listen", Listen(parts.visits).answer),
        Route("/healthz", health),
        Route("/metrics", figures),
    ]


async def _file(request: Request) -> Response:
    name, kind = FILES[request.url.path]
    return Response(_content(name), media_type=kind)


@cache
def _content(name: str) -> bytes:
    return (PAGE / name).read_bytes()


def _now(parts: Parts) -> dict[str, Any]:
    """Return what is on at each input, and what the page must know of model and server."""
    labels = [
        {"label": label, "colour": colour(label), "ink": text_colour(colour(label))} for label in parts.card.paths
    ]
    states = [{"state": state, "colour": colour(state)} for state in STATES]
    config = parts.config
    return {
        "version": genrestream.__version__,
        "model": {"name": parts.card.name, "multi_label": parts.card.multi_label, "labels": labels},
        "states": states,
        "inputs": [{**one.now.to_dict(), "is_over": one.is_over} for one in parts.inputs.values()],
        "columns": {"bands": SHAPE.n_mels, "column_s": COLUMN_S},
        "limits": {
            "max_sessions": config.max_sessions,
            "max_minutes": config.max_minutes,
            "max_upload_mb": config.max_upload_mb,
        },
    }


async def _history(parts: Parts, request: Request) -> Response:
    """Answer with the stretches of the last hours."""
    text, name = request.query_params.get("hours", "1"), request.query_params.get("input")
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not 0 < hours <= 24:
        return JSONResponse({"error": "hours must be a number from 0 to 24"}, 400)
    until = time.time()
    try:
        found = await asyncio.to_thread(history.read, parts.history, until - 3600 * hours, until, name)
    except OutputError as error:
        return JSONResponse({"error": str(error)}, 500)
    segments = [{"input": one, **_rounded(stretch)} for one, stretch in found]
    return JSONResponse({"since": until - 3600 * hours, "until": until, "segments": segments})


def _rounded(stretch: Any) -> dict[str, Any]:
    return {name: value for name, value in stretch.to_dict().items() if not name.endswith("_s")}
