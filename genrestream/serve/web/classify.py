"""``POST /classify``: a file's bytes in, JSON Lines out, while it is still sent. Nothing is stored."""

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from genrestream.serve.upload import Upload
from genrestream.serve.view import Message
from genrestream.serve.web.outbox import Outbox
from genrestream.serve.web.security import Receive, Scope, Send
from genrestream.serve.web.visitors import STALLED_S, FullError, Visits, begun, classify_file

IDLE_S = 15.0  # in which the next bytes must come
GOING_S = 5.0  # in which the thread must have ended


class Classify:
    """Answers requests with the records of a file. The name in the query is shown, and never opened."""

    def __init__(self, visits: Visits):
        self._visits = visits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        limit, claimed = self._visits.max_bytes, request.headers.get("content-length", "0")
        if claimed.isdigit() and int(claimed) > limit:
            answer = JSONResponse({"error": _too_large(limit)}, 413, {"connection": "close"})
            await answer(scope, receive, send)
            return
        try:
            with self._visits.places.one():
                await self._hear(Upload(request.query_params.get("name", "upload")), receive, send)
        except FullError as error:
            answer = JSONResponse({"error": str(error)}, 503, {"retry-after": "10", "connection": "close"})
            await answer(scope, receive, send)

    async def _hear(self, upload: Upload, receive: Receive, send: Send) -> None:
        outbox, visits = Outbox(), self._visits
        first = await _next(receive)  # before the answer begins: a client may wait for "100 continue"
        thread = begun(upload.name, outbox, visits.counts, lambda: classify_file(visits, upload, outbox.put))
        reading = asyncio.create_task(self._read(upload, first, receive))
        try:
            headers = [
                (b"content-type", b"application/x-ndjson"),
                (b"x-accel-buffering", b"no"),
                (b"connection", b"close"),  # the body may not have come to its end
            ]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            while (message := await outbox.take()) is not None:
                async with asyncio.timeout(STALLED_S):
                    await send({"type": "http.response.body", "body": line(message), "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except TimeoutError:  # the connection is closed without an end
            pass
        finally:
            upload.close()
            reading.cancel()
            await asyncio.to_thread(thread.join, GOING_S)

    async def _read(self, upload: Upload, message: MutableMapping[str, Any] | None, receive: Receive) -> None:
        while True:
            if message is None:
                upload.end(f"nothing came for {IDLE_S:g} s")
                return
            if message["type"] == "http.disconnect":
                upload.end("the connection was lost")
                return
            data = message.get("body", b"")
            if upload.n_bytes + len(data) > self._visits.max_bytes:
                upload.end(_too_large(self._visits.max_bytes))
                return
            if data and not await put(upload, data):
                return
            if not message.get("more_body"):
                upload.end()
                message = await receive()  # comes when the visitor goes away
                upload.close()
                return
            message = await _next(receive)


async def put(upload: Upload, data: bytes) -> bool:
    """Give bytes to an upload, without holding the loop; return False where nobody reads any more."""
    if upload.has_room(len(data)):
        return upload.put(data)
    return await asyncio.to_thread(upload.put, data)


def line(message: Message) -> bytes:
    """Return a message as a line of JSON."""
    return json.dumps(message, ensure_ascii=False).encode() + b"\n"


async def _next(receive: Receive) -> MutableMapping[str, Any] | None:
    try:
        async with asyncio.timeout(IDLE_S):
            return await receive()
    except TimeoutError:
        return None


def _too_large(limit: int) -> str:
    return f"is larger than {limit >> 20} MB, the most that this server takes"
