"""Signals that ask a run to end, so that it can say what it knows and close its files."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP


class Signals:
    """The signals that came.

    Args:
        interrupts: Whether a signal raises ``KeyboardInterrupt``, as Ctrl-C does, or is only noted.

    Attributes:
        received: Their numbers, oldest first.
    """

    def __init__(self, interrupts: bool):
        self.received: list[int] = []
        self._interrupts, self._is_held = interrupts, False

    @property
    def exit_code(self) -> int:
        """The exit code of a process that a signal ended: 128 + its number."""
        return 128 + (self.received[0] if self.received else signal.SIGINT)

    def note(self, signum: int) -> None:
        """Note a signal, and interrupt what runs, the first time and where it is not held."""
        self.received.append(signum)
        if self._interrupts and not self._is_held and len(self.received) == 1:
            raise KeyboardInterrupt

    def end(self) -> None:
        """Interrupt nothing any more: all is done but the closing of files."""
        self._interrupts = False

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let the block finish, so that a record is written whole; a signal interrupts after it."""
        before = len(self.received)
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
        if self._interrupts and len(self.received) > before:
            raise KeyboardInterrupt


@contextlib.contextmanager
def signals_received(interrupts: bool = False) -> Iterator[Signals]:
    """Collect the signals that ask for an end instead of dying of them; the second of a kind kills as usual."""
    signals = Signals(interrupts)
    handlers = {number: signal.getsignal(number) for name in NAMES if (number := getattr(signal, name, None))}
    before = {number: handler for number, handler in handlers.items() if handler not in (signal.SIG_IGN, None)}  # nohup

    def note(signum: int, _: FrameType | None) -> None:
        signal.signal(signum, before[signal.Signals(signum)])
        signals.note(signum)

    for number in before:
        signal.signal(number, note)
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
