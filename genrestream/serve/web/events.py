"""``GET /events``: what happens, as server-sent events."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse

from genrestream.serve.hub import Hub, Viewer, as_event
from genrestream.serve.inputs import Input
from genrestream.serve.web.security import Receive, Scope, Send
from genrestream.serve.web.visitors import STALLED_S

ALIVE_S = 5.0  # between two signs of life where nothing happens
ALIVE = as_event({"type": "alive"})
MAX_VIEWERS = 500


class Events:
    """Answers with a stream that does not end."""

    def __init__(self, hub: Hub, inputs: dict[str, Input]):
        self._hub, self._inputs = hub, inputs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        name = Request(scope).query_params.get("input")
        if name is not None and name not in self._inputs:
            answer = JSONResponse({"error": f"no such input; there are {', '.join(self._inputs) or 'none'}"}, 404)
            await answer(scope, receive, send)
            return
        if self._hub.n_viewers >= MAX_VIEWERS:
            answer = JSONResponse(
                {"error": f"{MAX_VIEWERS} already watch; try again later"}, 503, {"retry-after": "30"}
            )
            await answer(scope, receive, send)
            return
        headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        gone = asyncio.create_task(_disconnected(receive))
        try:
            with self._hub.viewer(name) as viewer:
                gone.add_done_callback(lambda _: viewer.end())
                await self._tell(viewer, send)
            if not gone.done():
                await send({"type": "http.response.body", "body": b""})
        except OSError:  # gone, or nothing was taken for too long: the connection is closed without an end
            pass
        finally:
            gone.cancel()

    async def _tell(self, viewer: Viewer, send: Send) -> None:
        """Send what is on, then what happens, until the server ends or the viewer goes away.

        Raises:
            TimeoutError: The viewer takes nothing.
        """
        first = [one.now.to_dict() for one in self._inputs.values() if viewer.input in (None, one.name)]
        data = b"".join(as_event({"type": "now", **now}) for now in first)
        while not viewer.is_over:
            async with asyncio.timeout(STALLED_S):
                await send({"type": "http.response.body", "body": data or ALIVE, "more_body": True})
            data = await viewer.take(ALIVE_S)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
