"""A file, pipe or network stream played into the feed in real time, as if a device delivered it."""

import math
import threading
import time

from genrestream.audio import AudioSource, RawFormat
from genrestream.errors import AudioError
from genrestream.feed import Block, Feed

LATE_S = 1.0  # further behind than this, the clock is set anew instead of rushing after it
FIRST_RETRY_S, LAST_RETRY_S = 0.5, 30.0
CLOSING_S = 1.0


class Player:
    """Plays a source into a feed until its end or until closed; a radio station that breaks off is opened again.

    Args:
        source: A path, an ``http(s)://`` address, or ``-`` for standard input.
        raw: The format of bare samples.
        speed: Times real time; infinite for as fast as it is listened to.
        feed: Where its blocks go.

    Attributes:
        problems: What was wrong with the data, one line each.

    Raises:
        AudioError: It cannot be opened.
    """

    def __init__(self, source: str, raw: RawFormat, speed: float, feed: Feed):
        self.name, self._raw, self._speed, self._feed = source, raw, speed, feed
        self.problems: list[str] = []
        self._closing = threading.Event()
        self._audio = AudioSource(source, raw)
        self.duration_s = self._audio.duration_s
        self._thread = threading.Thread(target=self._run, name="player", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop playing; a read that blocks is left to the end of the process."""
        self._closing.set()
        self._feed.end()
        self._thread.join(CLOSING_S)

    def _run(self) -> None:
        try:
            is_endless = self._audio.is_endless
            self._play()
            while is_endless and self._reopen():
                self._play()
            if not is_endless:  # of a station, each break is told when it happens
                self.problems += self._audio.problems
            self._feed.end()
        except Exception as error:  # a thread's own end would go unseen: the listener raises it
            self._feed.end(error)

    def _play(self) -> None:
        """Play what is open to its end, each block when its last sample is due."""
        gap_from_s = self._feed.last_put_s
        began_s, played_s = time.monotonic(), 0.0
        with self._audio as audio:
            for samples, sample_rate in audio:
                played_s += samples.shape[1] / sample_rate
                due_s = began_s + played_s / self._speed
                now_s = time.monotonic()
                if math.isinf(self._speed) or now_s - due_s > LATE_S:
                    began_s, due_s = began_s + now_s - due_s, now_s
                if self._closing.wait(max(0.0, due_s - now_s)):
                    return
                lost_s = due_s - gap_from_s - samples.shape[1] / sample_rate if gap_from_s else 0.0
                gap_from_s = None
                self._feed.connected = True
                if not self._feed.put_waiting(Block(samples, sample_rate, due_s, max(0.0, lost_s))):
                    return

    def _reopen(self) -> bool:
        """Open a station again, waiting longer each time; return False where closed meanwhile."""
        retry_s = FIRST_RETRY_S
        self._feed.connected, self._feed.notice = False, f"{self.name} broke off; trying to open it again"
        while not self._closing.wait(retry_s):
            retry_s = min(2 * retry_s, LAST_RETRY_S)
            try:
                self._audio = AudioSource(self.name, self._raw)
            except AudioError as error:
                self._feed.notice = f"{error}; next try in {retry_s:g} s"
                continue
            return True
        return False
