"""The server's own inputs: each listens in a thread of its own, and begins again where its source broke off."""

import contextlib
import dataclasses
import os
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from genrestream.audio.formats import is_url, local_path
from genrestream.audio.listing.suffixes import music_suffixes
from genrestream.errors import GenrestreamError, OptionError, first_line
from genrestream.live.config import ListenConfig
from genrestream.live.devices import Device, pick
from genrestream.live.live_stream import LiveStream
from genrestream.live.several.apart import MicrophoneApart
from genrestream.output.sink import Sink
from genrestream.serve.stretches import Stretch
from genrestream.serve.turns import SharedModel
from genrestream.serve.view import Counts, Message, StreamView
from genrestream.streaming.status import Event, Status
from genrestream.ways_out.now import Now, now_of

FIRST_RETRY_S, LAST_RETRY_S = 2.0, 60.0
CLOSING_S = 3.0
LONGEST_NAME = 40  # characters
VISITORS = ("visitor", "visitors")  # in messages and metrics

Keep = Callable[[Sequence[Stretch], Sequence[Stretch]], None]


@dataclasses.dataclass(frozen=True)
class InputConfig:
    """One input of the server.

    Attributes:
        name: Its name in the page, the API and the messages.
        listen: What to listen to, and how.
    """

    name: str
    listen: ListenConfig

    def checked(self) -> Device | None:
        """Make sure, before the model is loaded, that the input is there; return the device where it is one.

        Raises:
            AudioError: It is not there.
            UsageError: It makes no sense.
        """
        if self.listen.source is None:
            return pick(self.listen.choice)
        self.listen.check_source()
        return None


def named(text: str, base: ListenConfig, loop: bool = False) -> InputConfig:
    """Read ``NAME=SOURCE`` or ``NAME=DEVICE``.

    Args:
        text: What stands after ``--input``.
        base: How to listen, for all inputs.
        loop: Whether files are played again and again.

    Raises:
        UsageError: It is no such pair.
    """
    name, equals, what = text.partition("=")
    if not equals or not what or not name.replace("-", "").replace("_", "").isalnum() or len(name) > LONGEST_NAME:
        rule = "must be NAME=SOURCE or NAME=DEVICE, the name of letters, digits, - and _, such as bar=song.ogg"
        raise OptionError("input", text, rule)
    if name in VISITORS:
        raise OptionError("input", text, "this name is that of what visitors bring; choose another")
    looks_like_a_path = what.startswith(("/", ".", "~")) or os.path.splitext(what)[1].lower() in music_suffixes()
    is_source = what == "-" or is_url(what) or looks_like_a_path or os.path.exists(local_path(what))
    is_file = is_source and what != "-" and not is_url(what)
    chosen = {"source": what} if is_source else {"device": (what,)}
    return InputConfig(name, dataclasses.replace(base, **chosen, loop=loop and is_file))


class Input:
    """Listens to one input until it is closed.

    Args:
        config: The input.
        model: The model of all inputs.
        device: The device, if it is known.
        publish: Takes messages, from this input's thread.
        sinks: What else is sent to.
        keep: Takes stretches, for the history.
        report: Takes a line when the input breaks off.

    Attributes:
        name: Its name.
        counts: What is counted of it.
        is_over: Whether its source came to its end, and is not played again.
    """

    def __init__(
        self,
        config: InputConfig,
        model: SharedModel,
        device: Device | None,
        publish: Callable[[Message], None],
        sinks: Sequence[Sink],
        keep: Keep,
        report: Callable[[str], None] = lambda line: None,
    ):
        self.name, self.counts, self.is_over = config.name, Counts(), False
        self._config, self._model, self._device, self._publish = config.listen, model, device, publish
        self._sinks, self._keep, self._report, self._reported = sinks, keep, report, ""
        self._closing = threading.Event()
        source = config.listen.source or (device.name if device else "microphone")
        self._now = now_of(self.name, source, model.card.name, Status())
        self._view: StreamView | None = None
        self._thread = threading.Thread(target=self._run, name=f"input {self.name}", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def end(self) -> None:
        """Begin to stop listening."""
        self._closing.set()

    def close(self) -> None:
        """Stop listening; waits for the last answer."""
        self.end()
        self._thread.join(CLOSING_S)

    @property
    def now(self) -> Now:
        """What is on."""
        return self._view.now if self._view else self._now

    def _run(self) -> None:
        retry_s = FIRST_RETRY_S
        while not self._closing.is_set():
            began_s = time.monotonic()
            problem = self._listen()
            if problem is None:
                self.is_over = True
                self._gone("played to its end; with --loop it is played again and again")
                return
            if self._closing.is_set():
                return
            retry_s = FIRST_RETRY_S if time.monotonic() - began_s > LAST_RETRY_S else min(2 * retry_s, LAST_RETRY_S)
            self.counts.n_failures += 1
            if problem != self._reported:
                self._report(f"input {self.name}: {problem}; it is tried again")
                self._reported = problem
            self._gone(f"{problem}; next try in {retry_s:g} s")
            self._closing.wait(retry_s)

    def _listen(self) -> str | None:
        """Listen to the source once, to its end; return why it broke off, None where it did not."""
        try:
            session = self._model.session(self._config.stream)
            with contextlib.ExitStack() as stack:
                source = self._now.source
                view = StreamView(
                    self.name, source, self._model.card, self._publish, self.counts, self._sinks, self._keep
                )
                live = stack.enter_context(
                    LiveStream(
                        self._config, session, self._device, view.spectrogram, self._closing.is_set, MicrophoneApart
                    )
                )
                self._view = view
                view.follow(live.updates())
                error = live.outcome().error
            self._device = None  # it may have another number when it is looked for again
        except GenrestreamError as problem:
            error = problem
        except Exception as bug:  # one input's bug must not end the others; it is seen on the page
            return f"stopped by a fault of genrestream ({type(bug).__name__}: {first_line(bug)})"
        return first_line(error) if error else None

    def _gone(self, notice: str) -> None:
        """Say that there is no input, and why."""
        status = Status(state="no input", notice=f"{self._now.source}: {notice}" if self.is_over else notice)
        self._now, self._view = now_of(self.name, self._now.source, self._model.card.name, status), None
        if self._closing.is_set():
            return
        event = Event(0.0, "no input", status.notice, datetime.now().astimezone())
        for sink in self._sinks:
            sink.event(self._now.source, event)
            sink.show(status)
        self._publish({"type": "now", **self._now.to_dict()})
