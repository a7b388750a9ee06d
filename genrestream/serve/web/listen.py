"""``WS /listen``: a visitor's microphone, or a file, in; JSON out."""

import asyncio
import contextlib
import dataclasses
import json
import math
import time
from collections.abc import Callable, Coroutine
from typing import cast

import numpy as np
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from genrestream.audio.formats import MAX_CHANNELS, SAMPLE_RATES
from genrestream.errors import UsageError, check_number
from genrestream.live.config import ListenConfig
from genrestream.live.feed import Block, Feed
from genrestream.live.listener import Listener
from genrestream.output.records.json_files import verdict_record
from genrestream.serve.upload import Upload
from genrestream.serve.view import StreamView
from genrestream.serve.web.classify import put
from genrestream.serve.web.outbox import Outbox
from genrestream.serve.web.visitors import STALLED_S, FullError, Visits, begun, classify_file

FORMATS = {"f32le": np.dtype("<f4"), "s16le": np.dtype("<i2")}
IDLE_S = 15.0  # in which something must come
LONGEST_S = 10.0  # of one message of samples
GOING_S = 5.0  # in which the last answer must have come
MAX_GAP_S = 3600.0
VISITOR = "visitor"
UNSUPPORTED, TOO_LATE, FULL, OVER = 1007, 1008, 1013, 1000


@dataclasses.dataclass(frozen=True)
class Asked:
    """What the address of the WebSocket asks for.

    Attributes:
        format: ``f32le`` or ``s16le`` for samples, ``file`` for the bytes of a file.
        rate: Of samples, in Hz.
        channels: Of samples, interleaved.
        is_live: Whether samples come as they are recorded: where this machine is too slow, answers then become rarer.
            Else they are taken as fast as they can be answered.
        name: What the visitor calls the source.
    """

    format: str
    rate: int
    channels: int
    is_live: bool
    name: str

    @classmethod
    def of(cls, query: "dict[str, str]") -> "Asked":
        """Read a query.

        Raises:
            UsageError: It has a value that it cannot have.
        """
        form = query.get("format", "f32le")
        if form not in (*FORMATS, "file"):
            raise UsageError(f"format={form[:20]} must be f32le, s16le or file")
        is_file = form == "file"
        rate = _whole("rate", query.get("rate", "16000" if is_file else ""), SAMPLE_RATES[0], SAMPLE_RATES[-1])
        channels = _whole("channels", query.get("channels", "1"), 1, MAX_CHANNELS)
        is_live = bool(_whole("live", query.get("live", "0"), 0, 1))
        return cls(form, rate, channels, is_live, query.get("name", "upload" if is_file else "microphone")[:200])

    def samples(self, data: bytes) -> np.ndarray:
        """Return a message's samples, float32, shape (n_channels, n_samples).

        Raises:
            UsageError: It is no whole number of frames, too long, or has values that are not finite.
        """
        dtype = FORMATS[self.format]
        size = dtype.itemsize * self.channels
        if len(data) % size:
            raise UsageError(f"a message of {len(data)} bytes is no whole number of frames of {size} bytes each")
        if len(data) > LONGEST_S * self.rate * size:
            raise UsageError(f"a message may have at most {LONGEST_S:g} s of samples")
        samples = np.frombuffer(data, dtype).reshape(-1, self.channels).T
        if dtype.kind == "i":
            return np.ascontiguousarray(samples, np.float32) / np.float32(32_768)
        if not np.isfinite(samples).all():
            raise UsageError("a sample is not finite")
        return np.ascontiguousarray(samples, np.float32)


class Socket:
    """The source of a visitor's feed; the handler puts the blocks."""

    def __init__(self, name: str, feed: Feed):
        self.name, self.problems, self._feed = name, list[str](), feed

    def close(self) -> None:
        """End the feed."""
        self._feed.end()


class Listen:
    """Answers WebSockets."""

    def __init__(self, visits: Visits):
        self._visits = visits

    async def answer(self, socket: WebSocket) -> None:
        """Answer one."""
        await socket.accept()
        try:
            asked = Asked.of(dict(socket.query_params))
            with self._visits.places.one():
                await (self._file if asked.format == "file" else self._samples)(socket, asked)
        except FullError as error:
            await _fail(socket, str(error), FULL)
        except UsageError as error:
            await _fail(socket, str(error), UNSUPPORTED)
        except TimeoutError:
            await _fail(socket, f"nothing came for {IDLE_S:g} s", TOO_LATE)
        except (WebSocketDisconnect, RuntimeError) as error:  # Starlette raises the second for a socket that is closed
            if isinstance(error, RuntimeError) and socket.application_state is not WebSocketState.DISCONNECTED:
                raise

    async def _samples(self, socket: WebSocket, asked: Asked) -> None:
        feed, outbox, model = Feed(), Outbox(), self._visits.model
        config = ListenConfig(source=asked.name, speed=1.0 if asked.is_live else math.inf)
        view = StreamView(VISITOR, asked.name, model.card, outbox.put, self._visits.counts)
        source, session = Socket(asked.name, feed), model.session(config.stream, asked.name)
        listener = Listener(config, session, feed, source, view.spectrogram)

        def work() -> None:
            view.follow(listener.updates())
            outcome = listener.outcome()
            if outcome.error:
                raise outcome.error
            outbox.put(verdict_record(outcome.verdict))

        await self._run(socket, asked, outbox, work, self._feed_samples(socket, asked, feed), feed.end)

    async def _file(self, socket: WebSocket, asked: Asked) -> None:
        upload, outbox = Upload(asked.name), Outbox()

        def work() -> None:
            classify_file(self._visits, upload, outbox.put)

        await self._run(socket, asked, outbox, work, self._feed_file(socket, upload), upload.close)

    async def _run(
        self,
        socket: WebSocket,
        asked: Asked,
        outbox: Outbox,
        work: Callable[[], None],
        feed: Coroutine[None, None, None],
        end: Callable[[], None],
    ) -> None:
        """Let a thread classify, feed it what the visitor sends, and send him what it says."""
        thread = begun(asked.name, outbox, self._visits.counts, work)
        sending, reading = asyncio.create_task(_send(socket, outbox)), asyncio.create_task(feed)
        try:
            await asyncio.wait([sending, reading], return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()
            await sending
            await socket.close(OVER)
        finally:
            end()
            for task in (reading, sending):
                task.cancel()
            await asyncio.gather(reading, sending, return_exceptions=True)
            await asyncio.to_thread(thread.join, GOING_S)

    async def _feed_samples(self, socket: WebSocket, asked: Asked, feed: Feed) -> None:
        lost_s, ends_s = 0.0, time.monotonic() + self._visits.max_s
        while not feed.is_over:
            data, words = await _receive(socket)
            if words.get("type") == "end":
                break
            if time.monotonic() > ends_s:
                raise UsageError(f"after {self._visits.max_s / 60:g} minutes a session ends; begin another")
            if words.get("type") == "lost":
                lost_s += _seconds(words.get("seconds"))
            elif data:
                block = Block(asked.samples(data), asked.rate, time.monotonic(), lost_s)
                lost_s = 0.0
                if feed.waiting_s + block.duration_s < feed.limit_s:  # nothing has to be dropped for it
                    feed.put(block)
                elif not await asyncio.to_thread(feed.put_waiting, block):
                    return
        feed.end()

    async def _feed_file(self, socket: WebSocket, upload: Upload) -> None:
        limit = self._visits.max_bytes
        while True:
            data, words = await _receive(socket)
            if words.get("type") == "end":
                upload.end()
                return
            if upload.n_bytes + len(data) > limit:
                upload.end(f"is larger than {limit >> 20} MB, the most that this server takes")
                return
            if data and not await put(upload, data):
                return


async def _receive(socket: WebSocket) -> tuple[bytes, dict[str, object]]:
    """Return the next message's bytes, or what its text says.

    Raises:
        TimeoutError: None comes.
        UsageError: Its text is no JSON object.
        WebSocketDisconnect: The visitor is gone.
    """
    async with asyncio.timeout(IDLE_S):
        message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    if message.get("bytes") is not None:
        return message["bytes"], {}
    try:
        words = json.loads(message["text"])
    except (ValueError, RecursionError) as error:
        raise UsageError("a text message must be a JSON object") from error
    if not isinstance(words, dict):
        raise UsageError("a text message must be a JSON object")
    return b"", words


async def _send(socket: WebSocket, outbox: Outbox) -> None:
    while (message := await outbox.take()) is not None:
        async with asyncio.timeout(STALLED_S):
            await socket.send_text(json.dumps(message, ensure_ascii=False))


async def _fail(socket: WebSocket, why: str, code: int) -> None:
    with contextlib.suppress(RuntimeError, WebSocketDisconnect, TimeoutError):  # gone meanwhile, or does not read
        async with asyncio.timeout(GOING_S):
            await socket.send_text(json.dumps({"type": "error", "error": why}))
            await socket.close(code, why[:120])


def _seconds(value: object) -> float:
    check_number("seconds", value, 0, MAX_GAP_S, f"from 0 to {MAX_GAP_S:g}")
    return float(cast(float, value))


def _whole(name: str, text: str, lowest: int, highest: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 9 and lowest <= int(text) <= highest):
        raise UsageError(f"{name}={text[:20]} must be a whole number from {lowest} to {highest}")
    return int(text)
