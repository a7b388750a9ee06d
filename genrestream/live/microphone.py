"""The microphone: puts a device's blocks into the feed, and opens the device again after it was gone."""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from genrestream.errors import AudioError, GenrestreamError
from genrestream.live.devices import Device, is_there, pick, portaudio, rescan
from genrestream.live.feed import Block, Feed

LATENCY_S = 0.1  # the device's buffer, and so the delay of the callback that loses nothing
STALLED_S = 5.0  # a running device that delivers nothing for so long is opened again
LOOK_S, LIST_S = 0.1, 1.0  # how often the stream is looked at, and the server's list of sources
GAP_S = 0.5  # a longer gap between blocks means lost audio, a shorter one is jitter
FIRST_RETRY_S, LAST_RETRY_S = 0.25, 5.0
CLOSING_S = 2.0  # closing waits at most so long for an audio server that hangs


class Microphone:
    """One input device, delivering into a feed until it is closed.

    Args:
        choice: Number or part of the name of the device; the default one where None.
        feed: Where its blocks go.
        device: The chosen device, if it is already known.

    Attributes:
        name: The device's name.
        problems: Always empty: the feed counts a device's losses.

    Raises:
        UsageError: No device has that name.
        AudioError: There is no device, it cannot be opened, or PortAudio is missing.
    """

    def __init__(self, choice: str | None, feed: Feed, device: Device | None = None):
        self._choice, self._feed = choice, feed
        self._closing = threading.Event()
        self._stream = self._open(device := device or pick(choice))
        self.name, self.problems = device.name, list[str]()
        self._thread = threading.Thread(target=self._watch, name="microphone", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening; wait at most two seconds for an audio server that hangs."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._thread.join(CLOSING_S)
        if self._thread.is_alive():  # stuck inside PortAudio, whose clean-up at exit would get stuck too
            import atexit

            atexit.unregister(portaudio()._exit_handler)
        self._feed.end()

    def _open(self, device: Device) -> Any:
        sounddevice = portaudio()
        if device.pulse_source:
            os.environ["PULSE_SOURCE"] = device.pulse_source
        callback = _callback(self._feed, device.sample_rate)
        try:
            stream = sounddevice.InputStream(
                device=device.portaudio_index, channels=device.n_channels, samplerate=device.sample_rate,
                dtype="float32", latency=LATENCY_S, callback=callback,
            )  # fmt: skip
            stream.start()
        except sounddevice.PortAudioError as error:
            cause = _cause(error)
            raise AudioError(f"{device.name}: cannot be opened ({cause}); choose another with --device") from error
        self._device, self._opened_s = device, time.monotonic()
        return stream

    def _watch(self) -> None:
        listed_s = time.monotonic()
        while not self._closing.wait(LOOK_S):
            stalled_s = min(self._feed.quiet_s, time.monotonic() - self._opened_s)
            is_gone = not self._stream.active
            if not is_gone and time.monotonic() - listed_s > LIST_S:
                is_gone, listed_s = not is_there(self._device), time.monotonic()
            if is_gone or stalled_s > STALLED_S:
                why = "is gone" if is_gone else "delivers nothing"
                self._feed.connected, self._feed.notice = False, f"{self.name} {why}; trying to open it again"
                self._reopen()
        _close(self._stream)

    def _reopen(self) -> None:
        _close(self._stream)
        retry_s = FIRST_RETRY_S
        while not self._closing.wait(retry_s):
            retry_s = min(2 * retry_s, LAST_RETRY_S)
            try:
                rescan()
                device = pick(self._choice)
                self._stream = self._open(device)
            except (GenrestreamError, portaudio().PortAudioError):
                self._feed.notice = f"{self.name} is gone; the next try to open it is in {retry_s:g} s"
                continue
            self._feed.connected, self._feed.notice = True, f"{device.name} is back"
            return


def _callback(feed: Feed, sample_rate: int) -> Any:
    """Return the function that PortAudio calls from its own thread; it copies, counts and returns."""
    before_s = feed.last_put_s  # at first, the last block of the stream before

    def copy(samples: Any, n_samples: int, moment: Any, flags: Any) -> None:
        nonlocal before_s
        now_s = time.monotonic()
        # A driver that does not know when it recorded the samples reports a time of zero, or now.
        age_s = moment.currentTime - moment.inputBufferAdcTime - n_samples / sample_rate
        captured_s = now_s - (age_s if 0 < age_s < 1 else 0.0)
        lost_s = 0.0 if before_s is None else captured_s - n_samples / sample_rate - before_s
        before_s = captured_s
        feed.n_overflows += bool(flags.input_overflow)
        feed.put(Block(samples.T.copy(), sample_rate, captured_s, lost_s if lost_s > GAP_S else 0.0))

    return copy


def _close(stream: Any) -> None:
    with contextlib.suppress(portaudio().PortAudioError):  # a stream whose server died cannot be closed properly
        stream.close(ignore_errors=True)


def _cause(error: Exception) -> str:
    return str(error).split(" [PaErrorCode")[0].removeprefix("Error opening InputStream: ")


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Discard what ALSA and PortAudio write to standard error from C code, which would garble the screen.

    Python's own ``sys.stderr`` still works.
    """
    try:
        python_stderr, ours = sys.stderr, os.dup(2)
    except OSError:  # there is no standard error
        yield
        return
    python_stderr.flush()
    sys.stderr = os.fdopen(os.dup(ours), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # a terminal that was closed: nobody reads it
            sys.stderr.close()
        sys.stderr = python_stderr
        os.dup2(ours, 2)
        os.close(ours)
