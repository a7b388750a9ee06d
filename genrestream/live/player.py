"""Plays a file, pipe or network stream into the feed in real time, like a device."""

import contextlib
import math
import threading
import time

from genrestream.audio.formats import RawFormat
from genrestream.audio.source import AudioSource
from genrestream.errors import AudioError
from genrestream.live.feed import Block, Feed

LATE_S = 1.0  # if it is later than this, the clock is reset instead of playing faster to catch up
FIRST_RETRY_S, LAST_RETRY_S = 0.5, 30.0
STEADY_S = 10.0  # after so much playing, the wait before opening a station again is short once more
CLOSING_S = 1.0


class Player:
    """Plays a source into a feed until its end or until closed; a radio station that breaks off is opened again.

    Args:
        source: A path, an ``http(s)://`` address, or ``-`` for standard input.
        raw: The format of bare samples.
        speed: How many times faster than real time; inf for as fast as the listener takes blocks.
        feed: Where its blocks go.
        track: Which audio track, counted from 1; None for the default one.
        loop: Whether a file is played again and again, without a gap.

    The playing thread opens the source, since a pipe or a server may block; if it cannot be opened, that is the feed's
    error.

    Attributes:
        problems: Faults of the data, one line each.
    """

    def __init__(
        self, source: str, raw: RawFormat, speed: float, feed: Feed, track: int | None = None, loop: bool = False
    ):
        self.name, self._raw, self._speed, self._feed, self._track = source, raw, speed, feed, track
        self._loop = loop
        self.problems: list[str] = []
        self._retry_s = FIRST_RETRY_S
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="player", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop playing; a read that blocks is abandoned."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._feed.end()
        self._thread.join(CLOSING_S)

    def _run(self) -> None:
        try:
            audio = AudioSource(self.name, self._raw, self._track)
            is_endless = audio.is_endless
            self._play(audio)
            if not is_endless:  # each break of a station is an event when it happens
                self.problems += audio.problems
            while self._loop and not self._closing.is_set():
                self._play(AudioSource(self.name, self._raw, self._track), after_gap=False)
            while is_endless and (again := self._reopen()):
                with contextlib.suppress(AudioError):  # nothing could be decoded: try again
                    self._play(again)
            self._feed.end()
        except Exception as error:  # an error in a thread would be lost: the listener raises it
            self._feed.end(error)

    def _play(self, source: AudioSource, after_gap: bool = True) -> None:
        """Play a source to its end; put each block when its last sample is due."""
        gap_from_s = self._feed.last_put_s if after_gap else None
        began_s, played_s = time.monotonic(), 0.0
        with source:
            for samples, sample_rate in source:
                played_s += samples.shape[1] / sample_rate
                due_s = began_s + played_s / self._speed
                now_s = time.monotonic()
                if math.isinf(self._speed) or now_s - due_s > LATE_S:
                    began_s, due_s = began_s + now_s - due_s, now_s
                if self._closing.wait(max(0.0, due_s - now_s)):
                    return
                if played_s > STEADY_S:
                    self._retry_s = FIRST_RETRY_S
                lost_s = due_s - gap_from_s - samples.shape[1] / sample_rate if gap_from_s else 0.0
                gap_from_s = None
                self._feed.connected = True
                block = Block(samples, sample_rate, due_s, max(0.0, lost_s), source.title)
                if not self._feed.put_waiting(block):
                    return

    def _reopen(self) -> AudioSource | None:
        """Open a station again, waiting longer each time; return None if closed meanwhile."""
        self._feed.connected, self._feed.notice = False, f"{self.name} broke off; trying to open it again"
        while not self._closing.wait(self._retry_s):
            self._retry_s = min(2 * self._retry_s, LAST_RETRY_S)
            try:
                return AudioSource(self.name, self._raw, self._track)
            except AudioError as error:
                self._feed.notice = f"{error}; next try in {self._retry_s:g} s"
        return None
