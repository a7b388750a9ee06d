"""Tells other programs of one input: on each change, and every so many seconds."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence

from genrestream.output.sink import Sink, no_position
from genrestream.streaming.status import Status
from genrestream.ways_out.command import Command
from genrestream.ways_out.config import WaysOutConfig
from genrestream.ways_out.mqtt import Mqtt
from genrestream.ways_out.now import Now, now_of
from genrestream.ways_out.osc import Osc
from genrestream.ways_out.sender import Receiver, Sender
from genrestream.ways_out.target import parsed
from genrestream.ways_out.webhook import Webhook

KINDS: dict[str, Callable[..., Receiver[Now]]] = {
    "mqtt": Mqtt, "mqtts": Mqtt, "osc": Osc, "http": Webhook, "https": Webhook, "exec": Command,
}  # fmt: skip


class Teller(Sink):
    """Turns the status of an input into messages.

    Args:
        name: The input's name.
        model: The model's name.
        every_s: Seconds after which the same is sent again.
        senders: Whom to tell.
    """

    def __init__(self, name: str, model: str, every_s: float, senders: Sequence[Sender[Now]]):
        self._name, self._model, self._every_s, self._senders = name, model, every_s, senders
        self._source, self._told, self._told_s = "", None, -math.inf

    def begin(self, source: str, duration_s: float | None, position_s: Callable[[], float] = no_position) -> None:
        """Take the source's name."""
        self._source = source

    def show(self, status: Status) -> None:
        """Tell of a status that differs from the one before, or where it is time again."""
        now_s = time.monotonic()
        genres = status.prediction.running.genres if status.prediction and status.state == "music" else ()
        told = (status.state, genres, status.title)
        if told == self._told and now_s - self._told_s < self._every_s:
            return
        self._told, self._told_s = told, now_s
        message = now_of(self._name, self._source, self._model, status)
        for sender in self._senders:
            sender.put(message)


@contextlib.contextmanager
def senders(config: WaysOutConfig, report: Callable[[str], None]) -> Iterator[list[Sender[Now]]]:
    """Open all ways out, and close them after.

    Args:
        config: Whom to tell.
        report: Takes a line when one begins to fail, and when it works again.

    Raises:
        UsageError: One cannot be used.
    """
    receivers = []
    try:
        for address in config.to:
            target = parsed(address)
            receivers.append(KINDS[target.kind](target))
    except BaseException:
        for receiver in receivers:
            receiver.close()
        raise
    opened = [Sender(receiver, report) for receiver in receivers]
    try:
        yield opened
    finally:
        for sender in opened:
            sender.end()
        for sender in opened:
            sender.close()
