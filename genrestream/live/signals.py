"""Signals that ask a run to end, so that it can report its verdict and close its files."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP


class Signals:
    """The signals received.

    Args:
        interrupts: True if a signal raises ``KeyboardInterrupt``, as Ctrl-C does; False if it is only recorded.

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
        """Record a signal; the first one interrupts, unless signals are held."""
        self.received.append(signum)
        if self._interrupts and not self._is_held and len(self.received) == 1:
            raise KeyboardInterrupt

    def end(self) -> None:
        """Stop interrupting: only the closing of files is left."""
        self._interrupts = False

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Delay interrupts until the block ends, so that a record is written completely."""
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
    """Collect signals that would end the process; a second signal of the same kind still ends it."""
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
