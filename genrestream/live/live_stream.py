"""A live run as an iterator, which opens and closes its source."""

from collections.abc import Callable, Iterator

from genrestream.live.config import ListenConfig
from genrestream.live.devices import Device
from genrestream.live.feed import Feed
from genrestream.live.listener import Listener, LiveSource, Outcome, Tap, Update
from genrestream.live.microphone import Microphone
from genrestream.live.player import Player
from genrestream.streaming.predictions import Prediction, Verdict
from genrestream.streaming.session import Session
from genrestream.streaming.status import Event, Status
from genrestream.streaming.turn import OneThread


class LiveStream:
    """The predictions and events of a live run, as they happen; ``close`` it, or use it in a ``with``.

    Args:
        config: What to listen to, and how.
        session: The session of its stream.
        device: The device, if it is already known.
        recording: Takes the input as it is received, if anything does.
        should_stop: Called at each tick; a true result ends the run.
        microphone: How a device is recorded: by this process, or by one of its own, as it must be beside others.

    Raises:
        UsageError: No device has that name.
        AudioError: The input cannot be opened.
    """

    def __init__(
        self,
        config: ListenConfig,
        session: Session,
        device: Device | None = None,
        recording: Tap | None = None,
        should_stop: Callable[[], object] = lambda: False,
        microphone: Callable[[str | None, Feed, Device | None], LiveSource] = Microphone,
    ):
        self._is_closed, self._turn = False, OneThread("this live stream")
        feed = Feed()
        if config.source is None:
            self._source = microphone(config.choice, feed, device)
        else:
            self._source = Player(config.source, config.raw, config.speed, feed, config.track, config.loop)
        session.source = self._source.name
        self._listener = Listener(
            config, session, feed, self._source, recording, lambda: self._is_closed or should_stop()
        )
        self._updates = self._listener.updates()

    def __enter__(self) -> "LiveStream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Prediction | Event]:
        return self

    def __next__(self) -> Prediction | Event:
        with self._turn:
            for update in self._updates:
                if not isinstance(update, Status):
                    return update
            self._raise_once()
        raise StopIteration

    @property
    def name(self) -> str:
        """The name of the device or source."""
        return self._source.name

    @property
    def status(self) -> Status:
        """The current status: state, level, delay and latest prediction."""
        return self._listener.status

    def updates(self) -> Iterator[Update]:
        """Yield predictions and events, and the status after each tick."""
        return self._updates

    def verdict(self) -> Verdict:
        """Return the verdict so far; after the iteration, the final one."""
        return self.outcome().verdict

    def outcome(self) -> Outcome:
        """Return how the run ended, or its outcome so far."""
        return self._listener.outcome()

    def report(self) -> list[str]:
        """Return the statistics of the run as lines of text."""
        return self._listener.report()

    def close(self) -> None:
        """Stop listening, from any thread; the iteration then ends."""
        self._is_closed = True
        self._source.close()

    def _raise_once(self) -> None:
        is_closed, self._is_closed = self._is_closed, True
        if not is_closed and (error := self.outcome().error):
            raise error
